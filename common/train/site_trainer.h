// What a worker trains with: a site's encoded data and the shared frozen model.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "common/data/encode.h"
#include "common/fl/local_trainer.h"
#include "common/train/task.h"
#include "common/train/train_config.h"

namespace weft::train {

struct EncodedSplits {
  data::EncodedDataset train, validation, test;
};

struct SiteTrainerOptions {
  std::shared_ptr<const Task> task;
  EncodedSplits data;
  TrainConfig config;
  std::uint64_t seed = 0;
  std::uint64_t rounds = 1;  // of the whole run: where the schedule ends
  int threads = 1;           // of LibTorch, set in whatever thread calls train or evaluate
};

// train: config.local_steps steps with a fresh optimizer. values: "loss" (mean over the round), "steps", "tokens",
// "seconds", "peak_rss_bytes".
// evaluate: split "train", "validation" or "test"; tally as metrics::classification_scheme has it; an empty split gives
// no counts.
class SiteTrainer final : public fl::LocalTrainer {
 public:
  // ConfigError when the data are not of the task, or it cannot be trained so.
  explicit SiteTrainer(SiteTrainerOptions options);
  const fl::SiteFacts& facts() const override { return facts_; }
  fl::TrainResult train(const fl::TrainJob& job, const fl::ProgressFn& progress, std::stop_token stop) override;
  fl::Evaluation evaluate(const StateDict& adapter, const std::string& split, const fl::ProgressFn& progress,
                          std::stop_token stop) override;

 private:
  void check_start(const fl::TrainJob& job) const;
  const data::EncodedDataset& split_named(const std::string& name) const;

  SiteTrainerOptions options_;
  fl::SiteFacts facts_;
};

}  // namespace weft::train
