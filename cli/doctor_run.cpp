// weft doctor RUN.yaml: the coordinator's side.
#include "cli/doctor_checks.h"
#include "cli/local_job.h"
#include "cli/run_file.h"
#include "cli/run_place.h"
#include "common/crypto/revocation.h"
#include "common/net/tls_server.h"
#include "coordinator/ledger_check.h"
#include "coordinator/run_store.h"

namespace weft::cli {
namespace {

struct RunVisit {
  RunQuestion question;
  RunFile run;
  crypto::CredentialFiles credentials;
  coordinator::RunSize size = {};    // known once the base model is loaded, and ...
  coordinator::RunFacts facts = {};  // ... what a ledger there must agree with
};

bool serves(const RunVisit& visit) { return !visit.question.folder.empty() && in_use(visit.question.folder); }

Verdict clock(RunVisit& visit) {
  return look_at_clock(
      {crypto::read_certificate(visit.credentials.ca), crypto::read_certificate(visit.credentials.certificate)}, "");
}

Verdict certificate(RunVisit& visit) {
  return look_at_certificates(visit.credentials, crypto::Role::coordinator, visit.question.name);
}

Verdict revocations(RunVisit& visit) { return look_at_revocations(visit.credentials); }

// Those of the listed sites that are here; they need not be.
Verdict sites(RunVisit& visit) {
  const std::vector<crypto::Revocation> revoked = crypto::read_revocations(visit.credentials.ca);
  std::size_t here = 0;
  std::string faults;
  for (const SiteId& site : visit.run.sites) {
    const auto file = crypto::credential_files(visit.question.pki, site.name).certificate;
    if (!std::filesystem::exists(file)) continue;
    ++here;
    const crypto::CertificateFacts facts = crypto::read_certificate(file);
    const Status valid = crypto::verify_certificate(visit.credentials.ca, file, crypto::Role::site);
    if (!valid) faults += "; " + valid.error().message;
    if (crypto::holds(revoked, facts)) faults += "; \"" + site.name + "\" is revoked, but listed (sites:)";
    if (valid && ends_soon(facts)) faults += "; \"" + site.name + "\" is " + days_left(facts);
  }
  const std::string text = std::to_string(visit.run.sites.size()) + " listed, certificates of " + std::to_string(here) +
                           " of them in " + visit.question.pki;
  return {faults.empty() ? Health::ok : Health::warning, text + faults};
}

Verdict address(RunVisit& visit) {
  if (serves(visit)) return {Health::ok, "a coordinator is running on " + visit.question.folder + " and has it"};
  const net::TlsServer server({.endpoint = visit.run.listen, .credentials = visit.credentials});
  return {Health::ok, "can listen at " + visit.run.listen + "; whether sites get through to it, they find out"};
}

Verdict versions(RunVisit&) { return look_at_versions(); }
Verdict device(RunVisit& visit) { return look_at_device(visit.run.device); }

Verdict base_model(RunVisit& visit) {
  const Base base = load_base(visit.run.settings, visit.run.model, at::kCPU);
  if (visit.run.start) initial_state_of(*visit.run.start, visit.run.model, base.model());
  const std::size_t parameters = base.model().manifest()->total();
  visit.size = {.adapter_bytes = parameters * sizeof(float),
                .sites = visit.run.sites.size(),
                .changes_base = visit.run.settings.adapter.changes_base()};
  visit.facts = {.run = visit.run.settings.run,
                 .config_digest = visit.run.digest,
                 .base_digest = base.model().base_digest(),
                 .manifest_digest = base.model().manifest()->digest()};
  return {Health::ok, visit.run.model.string() + ": complete, digest " + base.model().base_digest() +
                          "; the run trains " + std::to_string(parameters) + " values of it"};
}

Verdict data(RunVisit& visit) {
  if (!visit.run.simulation) return {Health::ok, "none here (no data: block); sites check their own"};
  const auto& simulation = *visit.run.simulation;
  std::vector<std::string> names;
  for (const SiteId& site : visit.run.sites) names.push_back(site.name);
  const auto sites = data::load_sites(simulation.data, simulation.sites, names, Rng(visit.run.settings.seed));
  std::size_t train = 0;
  for (const data::SiteData& site : sites) train += site.splits.train.size();
  return {Health::ok, "for a simulation: " + std::to_string(sites.size()) + " sites, " + std::to_string(train) +
                          " training examples"};
}

Verdict aggregation(RunVisit& visit) {
  coordinator::check_aggregation(visit.run.aggregation, visit.run.settings.rounds, visit.run.sites.size());
  return {Health::ok,
          visit.run.aggregation.method + ", whose limits suit " + std::to_string(visit.run.sites.size()) + " sites"};
}

// What would keep a run from going on in its folder.
Verdict before_it_goes_on(RunVisit& visit, const coordinator::RunFolder& files, const coordinator::Ledger& ledger,
                          const coordinator::RunFacts& there) {
  const std::filesystem::path& folder = visit.question.folder;
  const std::string holds = folder.string() + " already holds run \"" + there.run + "\" (" + there.run_id + "), ";
  if (ledger.end()) return {Health::warning, holds + "which has ended; choose another folder"};
  check_same_settings(visit.run, folder);
  ledger.check_same_run(visit.facts);
  coordinator::require_sound(ledger, files.ledger(), {.folder = {}, .receipts = {}, .ca = visit.credentials.ca});
  files.read_version(ledger.committed(), ledger.adapter_digest(ledger.committed())).value();
  visit.size.resume = true;
  const Verdict room =
      look_at_disk(coordinator::disk_need(folder, visit.size, visit.run.settings.rounds, visit.run.aggregation));
  if (room.health == Health::problem) return room;
  return {Health::warning, holds + std::to_string(ledger.committed()) +
                               " rounds of it; go on with it by --resume, or choose another folder; " + room.text};
}

Verdict disk(RunVisit& visit) {
  const bool chosen = !visit.question.folder.empty();
  const std::filesystem::path folder = chosen ? visit.question.folder : ".";
  const coordinator::RunFolder files(folder);
  const bool has_ledger = coordinator::has_ledger(folder);
  if (chosen && !has_ledger) coordinator::refuse_without_ledger(folder);
  if (visit.size.adapter_bytes == 0)
    return {Health::warning, "not checked: what the run needs follows from the base model"};
  if (chosen && has_ledger && !serves(visit)) {
    const coordinator::Ledger ledger = coordinator::Ledger::open_to_read(files.ledger());
    if (const auto there = ledger.run()) return before_it_goes_on(visit, files, ledger, *there);
  }
  Verdict found =
      look_at_disk(coordinator::disk_need(folder, visit.size, visit.run.settings.rounds, visit.run.aggregation));
  if (!chosen) found.text += "; say --out for the folder of the run";
  return found;
}

const std::vector<Check<RunVisit>> kChecks{{"clock", clock},
                                           {"certificate", certificate},
                                           {"revocations", revocations},
                                           {"sites", sites},
                                           {"address", address},
                                           {"versions", versions},
                                           {"device", device},
                                           {"base model", base_model},
                                           {"data", data},
                                           {"aggregation", aggregation},
                                           {"disk", disk}};

}  // namespace

std::vector<Finding> look_at_run(const RunQuestion& question) {
  RunVisit visit{.question = question,
                 .run = RunFile::load(question.file, question.overrides),
                 .credentials = crypto::credential_files(question.pki, question.name)};
  return look(kChecks, visit);
}

}  // namespace weft::cli
