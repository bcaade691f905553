#include "cli/doctor_checks.h"

#include <ATen/ops/ones.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>

#include "cli/local_job.h"
#include "cli/versions.h"
#include "common/base/folder_lock.h"
#include "common/crypto/revocation.h"

namespace weft::cli {
namespace {

constexpr std::int64_t kSoonDays = 14;

std::int64_t days_until(crypto::WallTime time) {
  return std::chrono::duration_cast<std::chrono::days>(time - std::chrono::system_clock::now()).count();
}

// What the kernel knows of its own clock.
struct Synchronised {
  bool yes = false;
  std::string text;
};
Synchronised synchronised() {
  timex state{};
  const int answer = ::adjtimex(&state);
  if (answer < 0) return {false, "whether it is synchronised is not known"};
  if ((state.status & STA_UNSYNC) != 0)
    return {false, "the system does not say that it is synchronised (is NTP running?)"};
  return {true, "synchronised, at most " + std::to_string(state.maxerror / 1000) + " ms off"};
}

}  // namespace

Verdict not_again(const std::vector<Finding>& earlier, Verdict verdict) {
  const auto told = std::find_if(earlier.begin(), earlier.end(), [&](const Finding& finding) {
    return finding.verdict.health == Health::problem && finding.verdict.text == verdict.text;
  });
  if (told == earlier.end()) return verdict;
  return {Health::warning, "not checked: see \"" + told->check + "\""};
}

std::string days_left(const crypto::CertificateFacts& facts) {
  return "valid for " + std::to_string(days_until(facts.not_after)) + " days";
}

bool ends_soon(const crypto::CertificateFacts& facts) { return days_until(facts.not_after) < kSoonDays; }

Verdict look_at_clock(const std::vector<crypto::CertificateFacts>& held_against, const std::string& not_checked) {
  const crypto::WallTime now = std::chrono::system_clock::now();
  std::string names;
  for (const crypto::CertificateFacts& facts : held_against) {
    if (now < facts.not_before || now > facts.not_after)
      return {Health::problem, crypto::format_utc(now) + ": outside the validity of the certificate of \"" +
                                   facts.name + "\" (" + crypto::format_utc(facts.not_before) + " to " +
                                   crypto::format_utc(facts.not_after) + "); set this machine's clock right"};
    names += (names.empty() ? "\"" : ", \"") + facts.name + "\"";
  }
  const Synchronised known = synchronised();
  return {known.yes ? Health::ok : Health::warning,
          crypto::format_utc(now) + ": within the validity of the certificates of " + names + "; " + known.text +
              (not_checked.empty() ? "" : "; not checked: " + not_checked)};
}

Verdict look_at_certificates(const crypto::CredentialFiles& files, crypto::Role role, const std::string& name) {
  const crypto::CertificateFacts facts = crypto::check_credentials(files, role);
  const crypto::CertificateFacts ca = crypto::read_certificate(files.ca);
  const std::string text = "\"" + facts.name + "\", " + crypto::name_of(role) + ", " + days_left(facts) +
                           "; its CA \"" + ca.name + "\" " + days_left(ca);
  if (facts.name != name)
    return {Health::problem, text + "; expected the name \"" + name + "\": use that certificate, or that name"};
  if (ends_soon(ca)) return {Health::warning, text + "; make a new CA with `weft pki init` before that"};
  if (ends_soon(facts)) return {Health::warning, text + "; issue a new one with `weft pki issue` before that"};
  return {Health::ok, text};
}

Verdict look_at_revocations(const crypto::CredentialFiles& files) {
  const std::string list = crypto::revocation_list_of(files.ca).string();
  if (!std::filesystem::exists(list)) return {Health::ok, "no list (" + list + "): nobody is revoked"};
  return {Health::ok, std::to_string(crypto::read_revocations(files.ca).size()) + " revoked by " + list};
}

Verdict look_at_versions() {
  std::string text;
  for (const auto& [what, version] : linked_versions()) text += (text.empty() ? "" : ", ") + what + " " + version;
  return {Health::ok, text};
}

Verdict look_at_device(const std::string& name) {
  const at::Device device = pick_device(name);
  const float sum = at::ones({64, 64}, at::TensorOptions().device(device)).sum().item<float>();
  WEFT_CHECK(sum == 64 * 64, "the device does not compute: " + device.str());
  return {Health::ok, device.str() + " (device: " + name + ") computes"};
}

Verdict look_at_disk(const DiskNeed& need) {
  const std::filesystem::path there = nearest_existing(need.folder);
  if (!std::filesystem::is_directory(there))
    return {Health::problem,
            need.folder.string() + " cannot be made: " + there.string() + " is not a folder; choose another place"};
  if (::access(there.c_str(), W_OK | X_OK) != 0)
    return {Health::problem, need.folder.string() + " cannot be written: " + there.string() +
                                 " is not this user's to write; choose another place, or change its owner"};
  const RoomFound found = room_for(need, system_disk());
  return {found.room == Room::none     ? Health::problem
          : found.room == Room::enough ? Health::ok
                                       : Health::warning,
          found.text};
}

bool in_use(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(folder / "lock")) return false;
  try {
    const FolderLock lock(folder, "");
    return false;
  } catch (const Failure&) {
    return true;
  }
}

}  // namespace weft::cli
