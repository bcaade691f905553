// The folder of finished updates.
#include "worker/spool.h"

#include <algorithm>

#include "common/base/log.h"

namespace weft::worker {
namespace {

void set_aside(Disk& disk, const std::filesystem::path& file, const std::string& why) {
  const std::filesystem::path aside = file.string() + ".bad";
  const Status renamed = disk.rename(file, aside);
  log::warn(file.string() + ": " + why + "; " +
            (renamed ? "set aside as " + aside.filename().string() : "and " + renamed.error().message));
}

bool is_of(const std::filesystem::path& file, const std::string& run_id) {
  return file.filename().string().starts_with(run_id + "-");
}

}  // namespace

Spool::Spool(std::filesystem::path folder, Disk& disk) : folder_(std::move(folder)), disk_(disk) {
  disk_.make_folder(folder_);
  lock_ = disk_.lock(folder_, "another worker; give each worker its own folder (state:)");
  for (const std::filesystem::path& place : {folder_, folder_ / "receipts"}) drop_temporaries(place, disk_);
}

std::vector<std::filesystem::path> Spool::files() const {
  std::vector<std::filesystem::path> files = disk_.list(folder_);
  std::erase_if(files, [](const auto& file) { return file.extension() != ".update"; });
  return files;
}

std::filesystem::path Spool::file_of(const std::string& run_id, std::uint32_t round) const {
  WEFT_CHECK(valid_run_id(run_id), "run_id comes from a peer and must be checked before it names a file");
  return folder_ / (run_id + "-" + std::to_string(round) + ".update");
}

Status Spool::put(const FinishedUpdate& update) {
  return disk_.write_atomic(file_of(update.run_id, update.round), encode_update(update), 0600);
}

Result<std::vector<FinishedUpdate>> Spool::of_run(const std::string& run_id) {
  std::vector<FinishedUpdate> updates;
  // Whoever was killed may not have come to make their names durable, and who is offered one counts on it.
  if (Status synced = disk_.sync(folder_); !synced) return synced.error();
  for (const auto& file : files()) {
    if (!is_of(file, run_id)) continue;
    const Result<MappedFile> content = disk_.read(file);
    if (!content) return content.error();
    Result<FinishedUpdate> update = decode_update(content.value().bytes());
    if (!update) {
      set_aside(disk_, file, update.error().message);
    } else if (update->run_id != run_id || file != file_of(run_id, update->round)) {
      set_aside(disk_, file, "it holds round " + std::to_string(update->round) + " of run " + update->run_id);
    } else {
      updates.push_back(std::move(update).value());
    }
  }
  std::sort(updates.begin(), updates.end(), [](const auto& a, const auto& b) { return a.round < b.round; });
  return updates;
}

std::size_t Spool::count_of_others(const std::string& run_id) const {
  const auto all = files();
  return static_cast<std::size_t>(
      std::count_if(all.begin(), all.end(), [&](const auto& file) { return !is_of(file, run_id); }));
}

void Spool::forget(const std::string& run_id, std::uint32_t round) {
  if (const Status removed = disk_.remove_all(file_of(run_id, round)); !removed) log::warn(removed.error().message);
}

}  // namespace weft::worker
