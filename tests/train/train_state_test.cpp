// A training that was broken off and taken up again ends in the bits of the unbroken one.
#include "common/train/train_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/train/site_trainer.h"
#include "tests/train/train_support.h"

namespace weft::train {
namespace {

// Keeps every step; the training is broken off after `last` of them.
struct Keeper final : fl::TrainingCheckpoint {
  std::optional<Bytes> load() override { return kept; }
  bool due() override { return true; }
  void save(ByteSpan state) override {
    kept = Bytes(state.begin(), state.end());
    if (++saves == last) stop.request_stop();
  }
  std::optional<Bytes> kept;
  int saves = 0, last = 0;
  std::stop_source stop;
};

fl::TrainResult train(const TrainConfig& config, Keeper* keeper) {
  const auto model = tiny_bert();
  const StateDict start = start_state(*model);
  SiteTrainer trainer({.task = two_classes(model), .data = {.train = fixture_batch()}, .config = config, .rounds = 2});
  return trainer.train({.site = "clinic-a", .round = 2, .start = &start, .checkpoint = keeper}, {},
                       keeper == nullptr ? std::stop_token() : keeper->stop.get_token());
}

TEST(TrainStateTest, ABrokenTrainingGoesOnToTheSameBits) {
  for (const OptimizerKind kind : {OptimizerKind::adamw, OptimizerKind::sgd}) {
    TrainConfig config{.local_steps = 5, .batch_size = 4, .learning_rate = 5e-3, .clip_norm = 1};
    config.optimizer = kind;
    const fl::TrainResult whole = train(config, nullptr);
    for (int at = 1; at <= 4; ++at) {
      Keeper keeper;
      keeper.last = at;
      EXPECT_THROW(train(config, &keeper), fl::Cancelled);
      keeper.stop = std::stop_source();
      const fl::TrainResult resumed = train(config, &keeper);
      EXPECT_EQ(keeper.saves, 4) << "it made the steps that were left, and no other";
      EXPECT_EQ(resumed.update.values, whole.update.values) << at;
      for (const char* value : {"loss", "steps", "tokens"}) EXPECT_EQ(resumed.values.at(value), whole.values.at(value));
    }
  }
}

TEST(TrainStateTest, WhatIsOfAnotherTrainingIsRefused) {
  TrainConfig config{.local_steps = 2, .batch_size = 4, .learning_rate = 5e-3};
  Keeper keeper;
  keeper.last = 1;
  EXPECT_THROW(train(config, &keeper), fl::Cancelled);
  keeper.stop = std::stop_source();
  config.optimizer = OptimizerKind::sgd;
  EXPECT_THROW(train(config, &keeper), Failure);
  keeper.kept->resize(20);
  EXPECT_THROW(train(config, &keeper), Failure);
}

}  // namespace
}  // namespace weft::train
