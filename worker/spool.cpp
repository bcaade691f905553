// The folder of finished updates.
#include "worker/spool.h"

#include <algorithm>

#include "common/base/file.h"
#include "common/base/log.h"

namespace weft::worker {
namespace {

void set_aside(const std::filesystem::path& file, const std::string& why) {
  const std::filesystem::path aside = file.string() + ".bad";
  std::error_code error;
  std::filesystem::rename(file, aside, error);
  log::warn(file.string() + ": " + why + "; " +
            (error ? "and it cannot be renamed: " + error.message() : "set aside as " + aside.filename().string()));
}

}  // namespace

Spool::Spool(std::filesystem::path folder) : folder_(std::move(folder)) {
  make_folder(folder_);
  lock_.emplace(folder_, "another worker; give each worker its own folder (state:)");
}

std::filesystem::path Spool::file_of(const std::string& run_id, std::uint32_t round) const {
  WEFT_CHECK(valid_run_id(run_id), "run_id comes from a peer and must be checked before it names a file");
  return folder_ / (run_id + "-" + std::to_string(round) + ".update");
}

Status Spool::put(const FinishedUpdate& update) {
  return write_atomic(file_of(update.run_id, update.round), encode_update(update), 0600);
}

std::vector<FinishedUpdate> Spool::of_run(const std::string& run_id) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder_))
    if (entry.path().extension() == ".update" && entry.path().filename().string().starts_with(run_id + "-"))
      files.push_back(entry.path());
  std::vector<FinishedUpdate> updates;
  for (const auto& file : files) {
    const Result<MappedFile> mapped = MappedFile::open(file);
    Result<FinishedUpdate> update = mapped ? decode_update(mapped.value().bytes()) : mapped.error();
    if (!update) {
      set_aside(file, update.error().message);
    } else if (update->run_id != run_id || file != file_of(run_id, update->round)) {
      set_aside(file, "it holds round " + std::to_string(update->round) + " of run " + update->run_id);
    } else {
      updates.push_back(std::move(update).value());
    }
  }
  std::sort(updates.begin(), updates.end(), [](const auto& a, const auto& b) { return a.round < b.round; });
  return updates;
}

std::size_t Spool::count_of_others(const std::string& run_id) const {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_))
    count +=
        entry.path().extension() == ".update" && !entry.path().filename().string().starts_with(run_id + "-") ? 1 : 0;
  return count;
}

void Spool::forget(const std::string& run_id, std::uint32_t round) {
  std::error_code error;
  std::filesystem::remove(file_of(run_id, round), error);
  if (error) log::warn("cannot remove " + file_of(run_id, round).string() + ": " + error.message());
}

}  // namespace weft::worker
