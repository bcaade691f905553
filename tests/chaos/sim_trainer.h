// What a site computes, in place of training: it follows from the site, the round and where it starts, as a real
// trainer's result does.
#pragma once
#include <functional>
#include <memory>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/fl/local_trainer.h"

namespace weft::chaos {

inline constexpr std::uint32_t kLocalSteps = 5;

StateDict update_of(const SiteId& site, std::uint32_t round, const StateDict& start);

// A training is computed at once; what it takes lies ahead of its machine's clock until then.
class TrainingClock final : public Clock {
 public:
  explicit TrainingClock(const Clock& machine) : machine_(machine) {}
  TimePoint now() const override { return machine_.now() + ahead; }
  std::chrono::system_clock::time_point wall() const override { return machine_.wall() + ahead; }
  Milliseconds ahead{};

 private:
  const Clock& machine_;
};

struct HowToTrain {
  TrainingClock clock;
  Milliseconds step{};                                   // what one takes
  std::function<bool(std::uint32_t round)> spoils = {};  // whether its update is not fit to be counted
  std::uint64_t resumed = 0;                             // trainings that a process which was killed had begun
};

class SimTrainer final : public fl::LocalTrainer {
 public:
  SimTrainer(SiteId site, std::uint64_t examples, std::shared_ptr<const Manifest> manifest, std::string base_digest,
             HowToTrain& how);
  const fl::SiteFacts& facts() const override { return facts_; }
  fl::TrainResult train(const fl::TrainJob& job, const fl::ProgressFn& progress, std::stop_token stop) override;
  fl::Evaluation evaluate(const StateDict& adapter, const std::string& split, const fl::ProgressFn& progress,
                          std::stop_token stop) override;

 private:
  SiteId site_;
  fl::SiteFacts facts_;
  HowToTrain& how_;
};

}  // namespace weft::chaos
