// The `train` block: every key is read, and values out of range are refused by name.
#include "common/train/train_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::train {
namespace {

using testing::HasSubstr;

TrainConfig parse(const std::string& text) {
  const YamlView view = YamlView::parse(text, "run.yaml");
  const TrainConfig config = TrainConfig::parse(view);
  view.finish();
  return config;
}

std::string error_of(const std::string& text) {
  try {
    parse(text);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(TrainConfigTest, ReadsEveryKey) {
  const TrainConfig config = parse(
      "{local_steps: 7, batch_size: 16, accumulation: 2, batch_tokens: 512, length_window: 4, optimizer: sgd, "
      "learning_rate: 0.25, schedule: cosine, warmup_ratio: 0.125, weight_decay: 0.5, betas: [0.75, 0.875], "
      "epsilon: 1e-6, clip_norm: 2}");
  EXPECT_EQ(config.local_steps, 7U);
  EXPECT_EQ(config.batch_size, 16U);
  EXPECT_EQ(config.accumulation, 2U);
  EXPECT_EQ(config.batch_tokens, 512U);
  EXPECT_EQ(config.length_window, 4U);
  EXPECT_EQ(config.optimizer, OptimizerKind::sgd);
  EXPECT_EQ(config.learning_rate, 0.25);
  EXPECT_EQ(config.schedule, Schedule::cosine);
  EXPECT_EQ(config.warmup_ratio, 0.125);
  EXPECT_EQ(config.weight_decay, 0.5);
  EXPECT_EQ(config.beta1, 0.75);
  EXPECT_EQ(config.beta2, 0.875);
  EXPECT_EQ(config.epsilon, 1e-6);
  EXPECT_EQ(config.clip_norm, 2);
}

TEST(TrainConfigTest, RefusesWhatCannotBe) {
  EXPECT_THAT(error_of("{local_steps: 0}"), HasSubstr("local_steps"));
  EXPECT_THAT(error_of("{batch_size: -1}"), HasSubstr("batch_size"));
  EXPECT_THAT(error_of("{batch_size: 4, accumulation: 5}"), HasSubstr("more micro-batches than batch_size"));
  EXPECT_THAT(error_of("{learning_rate: 0}"), HasSubstr("learning_rate"));
  EXPECT_THAT(error_of("{warmup_ratio: 1}"), HasSubstr("warmup_ratio"));
  EXPECT_THAT(error_of("{betas: [0.9]}"), HasSubstr("expected two numbers, got 1"));
  EXPECT_THAT(error_of("{betas: [0.9, 1.0]}"), HasSubstr("[0, 1)"));
  EXPECT_THAT(error_of("{epsilon: 0}"), HasSubstr("epsilon"));
  EXPECT_THAT(error_of("{schedule: linaer}"), HasSubstr("linear"));
  EXPECT_THAT(error_of("{optimizer: adam}"), HasSubstr("adamw"));
  EXPECT_THAT(error_of("{learning_rat: 1}"), HasSubstr("learning_rate"));
}

}  // namespace
}  // namespace weft::train
