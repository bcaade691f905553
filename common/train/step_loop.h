// Optimizer steps on one data set. What every way of training shares: a site's round, a site alone, pooled data.
#pragma once
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "common/base/rng.h"
#include "common/data/encode.h"
#include "common/fl/local_trainer.h"
#include "common/train/batch_plan.h"
#include "common/train/optimizer.h"
#include "common/train/task.h"
#include "common/train/train_config.h"

namespace weft::train {

struct StepLoopContext {
  const Task* task = nullptr;
  const data::EncodedDataset* data = nullptr;
  const TrainConfig* config = nullptr;
  Rng rng{0};
  std::string site;               // labels the streams of batches and dropout
  std::uint64_t total_steps = 1;  // of the whole run: where the schedule ends
};

struct StepStats {
  double loss = 0;  // mean over the steps of a batch's mean loss
  std::uint64_t steps = 0, tokens = 0;
  double seconds = 0;
};

// Holds the optimizer's state: one object is one uninterrupted optimization. Sees what `context` points to and
// `params` as long as it lives. One thread.
class StepLoop {
 public:
  StepLoop(const StepLoopContext& context, nn::Trainable& params);
  // Steps first .. first + count - 1 of the run, from 0; with a checkpoint, those that it does not have yet, of a loop
  // that has made no step. Throws Failure when loss or gradient is not finite, fl::Cancelled between steps.
  StepStats run(std::uint64_t first, std::uint64_t count, const fl::ProgressFn& progress, std::stop_token stop,
                fl::TrainingCheckpoint* checkpoint = nullptr);

 private:
  struct StepResult {
    double loss = 0;
    std::uint64_t tokens = 0;
  };
  StepResult step(std::uint64_t index);
  [[noreturn]] void fail(std::uint64_t index, const std::string& what, double value) const;

  StepLoopContext context_;
  nn::Trainable& params_;
  BatchPlan plan_;
  std::unique_ptr<Optimizer> optimizer_;
};

}  // namespace weft::train
