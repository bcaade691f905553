// A training that is under way, on disk: one file RUN_ID.training in the site's state folder, of the newest training of
// that run. Kept every minute, or as seldom as makes it cost at most a twentieth of the time.
#pragma once
#include <filesystem>
#include <string>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/fl/local_trainer.h"

namespace weft::worker {

// Which training it is: what is kept of another one is of no use.
struct TrainingKey {
  std::string run_id;
  std::uint32_t round = 0, local_steps = 0;
  std::string adapter_digest;  // that it starts from
};

struct StateFolder {
  std::filesystem::path path;
  Disk* disk = &system_disk();
  const Clock* clock = nullptr;
};

class KeptTraining final : public fl::TrainingCheckpoint {
 public:
  KeptTraining(const StateFolder& folder, TrainingKey key);
  std::optional<Bytes> load() override;
  bool due() override { return folder_.clock->now() >= due_; }
  void save(ByteSpan state) override;

 private:
  StateFolder folder_;
  TrainingKey key_;
  std::filesystem::path file_;
  TimePoint due_;
};

// Once its update is in the spool, or the run has ended.
void drop_kept_training(const StateFolder& folder, const std::string& run_id);

}  // namespace weft::worker
