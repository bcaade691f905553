#include "worker/kept_training.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/log.h"
#include "worker/framed_file.h"
#include "worker/spool.h"

namespace weft::worker {
namespace {

constexpr std::string_view kMark = "WEFTTRN1";
constexpr Milliseconds kEvery{60'000};
constexpr int kShare = 20;  // a save that takes t is followed by the next one after 20 t at the soonest

std::filesystem::path file_of(const StateFolder& folder, const std::string& run_id) {
  WEFT_CHECK(valid_run_id(run_id), "run_id comes from a peer and must be checked before it names a file");
  return folder.path / (run_id + ".training");
}

nlohmann::json header_of(const TrainingKey& key) {
  return {{"run_id", key.run_id},
          {"round", key.round},
          {"local_steps", key.local_steps},
          {"adapter_digest", key.adapter_digest}};
}

}  // namespace

KeptTraining::KeptTraining(const StateFolder& folder, TrainingKey key)
    : folder_(folder), key_(std::move(key)), file_(file_of(folder, key_.run_id)), due_(folder.clock->now() + kEvery) {}

std::optional<Bytes> KeptTraining::load() {
  if (!folder_.disk->exists(file_)) return std::nullopt;
  const Result<MappedFile> content = folder_.disk->read(file_);
  if (!content) return std::nullopt;
  const Result<Framed> whole = unframed(kMark, content.value().bytes());
  if (!whole) {
    log::warn(file_.string() + ": " + whole.error().message + "; the training begins anew");
    return std::nullopt;
  }
  const auto header = nlohmann::json::parse(as_text(whole.value().header), nullptr, false);
  if (header != header_of(key_)) return std::nullopt;
  return Bytes(whole.value().payload.begin(), whole.value().payload.end());
}

void KeptTraining::save(ByteSpan state) {
  const TimePoint began = folder_.clock->now();
  const Status kept = folder_.disk->write_atomic(file_, framed(kMark, header_of(key_).dump(), state), 0600);
  if (!kept) log::warn("the training cannot be kept while it is under way: " + kept.error().message);
  const TimePoint now = folder_.clock->now();
  due_ = now + std::max(kEvery, kShare * (now - began));
}

void drop_kept_training(const StateFolder& folder, const std::string& run_id) {
  if (const Status removed = folder.disk->remove_all(file_of(folder, run_id)); !removed)
    log::warn(removed.error().message);
}

}  // namespace weft::worker
