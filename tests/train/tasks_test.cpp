// What every kind of task must hold to, on the tiny model of a family that can do it.
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "common/base/result.h"
#include "common/metrics/registry.h"
#include "common/train/evaluator.h"
#include "common/train/plain_training.h"
#include "common/train/step_loop.h"
#include "tests/train/train_support.h"

namespace weft::train {
namespace {

struct Case {
  std::string name, model;
  data::TaskConfig task;
  std::int32_t vocabulary = 0;  // 0: no texts
  std::size_t side = 0;         // of a picture; 0: none
};

std::vector<Case> cases() {
  const std::vector<std::string> two{"no", "yes"}, tags{"O", "B-x", "I-x"};
  return {
      {"SingleLabel", "bert_tiny", {.labels = two}, 124},
      {"MultiLabel", "bert_tiny", {.labels = tags, .problem = data::Problem::multi_label}, 124},
      {"Regression", "bert_tiny", {.problem = data::Problem::regression}, 124},
      {"TokenClassification", "bert_tiny", {.kind = TaskKind::token_classification, .labels = tags}, 124},
      {"CausalLm", "llama_tiny", {.kind = TaskKind::causal_lm}, 64},
      {"DecoderSingleLabel", "llama_tiny", {.labels = two}, 64},
      {"ImageClassification", "vit_tiny", {.kind = TaskKind::image_classification, .labels = tags}, 0, 23},
      {"ImageText", "clip_tiny", {.kind = TaskKind::image_text}, 49, 19},
  };
}

// Every number that such a task learns follows from the input, so that it can be learnt.
void add_targets(data::EncodedDataset& data, const data::TaskConfig& task, std::int32_t seen,
                 std::span<const std::int32_t> ids) {
  const std::int32_t one = seen % 2;
  if (task.problem == data::Problem::multi_label)
    data.label_vectors.insert(data.label_vectors.end(), {1.0F * static_cast<float>(one), 0.0F, 1.0F});
  else if (task.problem == data::Problem::regression)
    data.targets.push_back(one == 1 ? 0.7F : -0.3F);
  else if (task.has_one_label())
    data.labels.push_back(one);
  if (task.kind != TaskKind::causal_lm && task.kind != TaskKind::token_classification) return;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i % 4 == 0)
      data.token_labels.push_back(data::kNoLoss);
    else
      data.token_labels.push_back(task.kind == TaskKind::causal_lm ? ids[i] : ids[i] % 3);
  }
}

data::EncodedDataset draw(const Case& of, std::size_t count, std::uint64_t seed) {
  RngStream random = Rng(seed).stream("tasks");
  data::EncodedDataset data;
  if (of.side > 0) {
    data.images.height = data.images.width = of.side;
    for (auto& channel : data.images.normalizer.value)
      for (std::size_t byte = 0; byte < 256; ++byte) channel[byte] = static_cast<float>(byte) / 255;
  }
  for (std::size_t n = 0; n < count; ++n) {
    const auto seen = static_cast<std::int32_t>(random.below(2));
    std::vector<std::int32_t> ids;
    if (of.vocabulary > 0) ids.resize(2 + random.below(9));
    for (std::int32_t& id : ids) id = seen + 2 * static_cast<std::int32_t>(random.below(4));
    if (of.task.kind == TaskKind::image_text) ids.back() = 49;  // the end token, where CLIP reads
    data.ids.insert(data.ids.end(), ids.begin(), ids.end());
    data.type_ids.resize(data.ids.size());
    if (!ids.empty()) data.starts.push_back(static_cast<std::int64_t>(data.ids.size()));
    for (std::size_t i = 0; i < 3 * of.side * of.side; ++i)
      data.images.rgb.push_back(static_cast<std::uint8_t>(100 * static_cast<std::size_t>(seen) + random.below(100)));
    add_targets(data, of.task, seen, ids);
  }
  return data;
}

void PrintTo(const Case& of, std::ostream* out) { *out << of.name; }

class TaskTest : public testing::TestWithParam<Case> {
 protected:
  std::shared_ptr<const Task> task(double dropout = 0) const {
    const Case& of = GetParam();
    const bool regression = of.task.problem == data::Problem::regression;
    return make_task(of.task,
                     models::load_model({.folder = fixture("models/" + of.model),
                                         .task = of.task.kind,
                                         .labels = regression ? std::vector<std::string>{"value"} : of.task.labels,
                                         .adapter = {.target_modules = {.all_linear = true}, .rank = 4, .alpha = 8},
                                         .base_dropout = dropout}));
  }
  static double loss_of(const Task& task, const data::EncodedDataset& data, std::vector<std::uint32_t> examples,
                        const nn::Trainable& params) {
    const at::NoGradGuard no_grad;
    return task.loss(make_batch(data, examples, at::kCPU), params, nullptr).item<double>();
  }
  bool contrastive() const { return GetParam().task.kind == TaskKind::image_text; }
};

// A contrastive loss is about the whole batch, so it has no parts.
TEST_P(TaskTest, ABatchIsTheWeightedMeanOfItsExamples) {
  if (contrastive()) GTEST_SKIP() << "the loss of a pair depends on the others";
  const auto task = this->task();
  const data::EncodedDataset data = draw(GetParam(), 7, 1);
  const nn::Trainable params(task->model().initial_state(Rng(3)), at::kCPU, false);
  std::vector<std::uint32_t> all(data.size());
  std::iota(all.begin(), all.end(), 0U);
  double sum = 0;
  for (const std::uint32_t i : all) {
    const double weight = task->weight(data, std::vector{i});
    if (weight > 0) sum += weight * loss_of(*task, data, {i}, params);
  }
  EXPECT_NEAR(loss_of(*task, data, all, params), sum / task->weight(data, all), 1e-5);
}

TEST_P(TaskTest, AccumulationDoesNotChangeAStep) {
  const auto task = this->task();
  if (contrastive()) {  // its parts would have fewer negatives
    EXPECT_THROW(task->check(TrainConfig{.accumulation = 2}), ConfigError);
    EXPECT_THROW(task->check(TrainConfig{.batch_tokens = 100}), ConfigError);
    EXPECT_NO_THROW(task->check(TrainConfig{}));
    return;
  }
  const data::EncodedDataset data = draw(GetParam(), 12, 2);
  const StateDict start = task->model().initial_state(Rng(3));
  std::vector<StateDict> after;
  for (const std::uint64_t accumulation : {1U, 5U}) {
    const TrainConfig config{.batch_size = 12,
                             .accumulation = accumulation,
                             .optimizer = OptimizerKind::sgd,
                             .learning_rate = 0.1,
                             .schedule = Schedule::constant};
    nn::Trainable params(start, at::kCPU, true);
    StepLoop loop({.task = task.get(), .data = &data, .config = &config, .site = "a"}, params);
    loop.run(0, 1, {}, {});
    after.push_back(params.to_state_dict());
  }
  EXPECT_GT(largest_difference(after[0], start), 1e-5);
  EXPECT_LT(largest_difference(after[0], after[1]), 1e-6);
}

TEST_P(TaskTest, ScoresDoNotDependOnTheBatches) {
  const auto task = this->task(0.5);  // no dropout when scoring
  const data::EncodedDataset data = draw(GetParam(), 23, 3);
  const StateDict adapter = task->model().initial_state(Rng(3));
  const auto small = metrics::values(evaluate(*task, adapter, data, {.batch_tokens = 40}).tally);
  const auto large = metrics::values(evaluate(*task, adapter, data, {}).tally);
  EXPECT_TRUE(small.contains(scheme_of(task->config()).primary));
  ASSERT_EQ(small.size(), large.size());
  for (const auto& [name, value] : small) EXPECT_NEAR(value, large.at(name), 1e-4 * (1 + std::abs(value))) << name;
}

TEST_P(TaskTest, WhatItCountsFitsItsScheme) {
  const auto task = this->task();
  const data::EncodedDataset data = draw(GetParam(), 9, 4);
  const Score score = evaluate(*task, task->model().initial_state(Rng(3)), data, {});
  EXPECT_EQ(metrics::fault_of(score.tally, scheme_of(task->config()), data.size()), std::nullopt);
  EXPECT_TRUE(evaluate(*task, task->model().initial_state(Rng(3)), {}, {}).tally.parts.empty());
}

TEST_P(TaskTest, TrainingLowersTheLoss) {
  const auto task = this->task();
  const data::EncodedDataset data = draw(GetParam(), 32, 5);
  const StateDict start = task->model().initial_state(Rng(3));
  PlainJob job{.task = task.get(),
               .data = &data,
               .start = &start,
               .config = {.batch_size = 16, .learning_rate = 1e-2, .schedule = Schedule::constant, .clip_norm = 1},
               .name = "a",
               .steps = 4};
  const double first = train_plainly(job).loss;
  job.steps = 80;
  EXPECT_LT(train_plainly(job).loss, 0.9 * first);
}

INSTANTIATE_TEST_SUITE_P(Kinds, TaskTest, testing::ValuesIn(cases()),
                         [](const auto& tested) { return tested.param.name; });

TEST(TaskLossTest, APartWithoutLearnedTokensIsPassedOver) {
  const Case of = cases()[3];
  const auto task = make_task(of.task, models::load_model({.folder = fixture("models/bert_tiny"),
                                                           .task = of.task.kind,
                                                           .labels = of.task.labels,
                                                           .adapter = {.target_modules = {.names = {"query"}}}}));
  data::EncodedDataset data = draw(of, 4, 6);
  std::fill_n(data.token_labels.begin(), data.length(0), data::kNoLoss);
  const StateDict start = task->model().initial_state(Rng(1));
  nn::Trainable params(start, at::kCPU, true);
  const TrainConfig config{.batch_size = 4, .accumulation = 4};
  StepLoop loop({.task = task.get(), .data = &data, .config = &config, .site = "a"}, params);
  EXPECT_GT(loop.run(0, 1, {}, {}).loss, 0);
}

TEST(TaskLossTest, RegressionIsScoredAsItIsTrained) {
  const Case of = cases()[2];
  const auto task = make_task(of.task, models::load_model({.folder = fixture("models/bert_tiny"),
                                                           .labels = {"value"},
                                                           .adapter = {.target_modules = {.names = {"query"}}}}));
  const data::EncodedDataset data = draw(of, 11, 6);
  const StateDict adapter = task->model().initial_state(Rng(1));
  const nn::Trainable params(adapter, at::kCPU, false);
  std::vector<std::uint32_t> all(data.size());
  std::iota(all.begin(), all.end(), 0U);
  const double loss = task->loss(make_batch(data, all, at::kCPU), params, nullptr).item<double>();
  const auto values = metrics::values(evaluate(*task, adapter, data, {}).tally);
  EXPECT_NEAR(values.at("mse"), loss, 1e-5);
  EXPECT_NEAR(values.at("loss"), loss, 1e-5);
}

}  // namespace
}  // namespace weft::train
