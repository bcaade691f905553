// Packed evaluation against one text at a time, and plain training's choice of the best step.
#include "common/train/evaluator.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "common/metrics/confusion.h"
#include "common/metrics/registry.h"
#include "common/train/plain_training.h"
#include "tests/train/train_support.h"

namespace weft::train {
namespace {

struct Naive {
  double loss = 0;
  metrics::ConfusionMatrix confusion{2};
};

Naive one_by_one(const models::Model& model, const StateDict& adapter, const data::EncodedDataset& data) {
  const at::NoGradGuard no_grad;
  const nn::Trainable params(adapter, at::kCPU, false);
  Naive naive;
  for (std::uint32_t i = 0; i < data.size(); ++i) {
    const at::Tensor logits = model.sequence_logits(make_batch(data, {&i, 1}, at::kCPU).inputs, params, {});
    const auto label = static_cast<std::size_t>(data.labels[i]);
    const double right = static_cast<double>(logits.const_data_ptr<float>()[label]),
                 wrong = static_cast<double>(logits.const_data_ptr<float>()[1 - label]);
    naive.loss += std::log1p(std::exp(wrong - right)) / static_cast<double>(data.size());
    naive.confusion.add(label, right > wrong || (right == wrong && label == 0) ? label : 1 - label);
  }
  return naive;
}

double value_of(const Score& score, const char* metric) { return metrics::value(score.tally, metric).value(); }

TEST(EvaluatorTest, IsTheMeanOverTextsTakenOneByOne) {
  const auto model = tiny_bert({.adapter_dropout = 0.5, .base_dropout = 0.5});  // none of it when evaluating
  const StateDict adapter = start_state(*model);
  const data::EncodedDataset data = toy_data(61, 9);
  const Naive expected = one_by_one(*model, adapter, data);
  for (const std::uint64_t budget : {1U, 64U, 4096U}) {
    const Score score = evaluate(*two_classes(model), adapter, data, {.batch_tokens = budget});
    EXPECT_NEAR(value_of(score, "loss"), expected.loss, 1e-5) << budget;
    const metrics::ConfusionMatrix confusion(score.tally.find("confusion"));
    for (std::size_t label = 0; label < 2; ++label)
      EXPECT_EQ(confusion.count(label, 0), expected.confusion.count(label, 0)) << budget;
    EXPECT_EQ(score.examples, 61U);
    EXPECT_EQ(score.tokens, data.ids.size());
  }
}

TEST(EvaluatorTest, TheOrderOfTextsHardlyMatters) {
  const auto model = tiny_bert();
  const StateDict adapter = start_state(*model);
  const data::EncodedDataset a = toy_data(20, 1), b = toy_data(30, 2);
  const Score ab = evaluate(*two_classes(model), adapter, joined({a, b}), {});
  const Score ba = evaluate(*two_classes(model), adapter, joined({b, a}), {});
  EXPECT_NEAR(value_of(ab, "loss"), value_of(ba, "loss"), 1e-6);
  EXPECT_EQ(value_of(ab, "accuracy"), value_of(ba, "accuracy"));
}

TEST(PlainTrainingTest, KeepsTheBestValidatedStep) {
  const auto model = tiny_bert();
  const StateDict start = model->initial_state(Rng(5));
  const data::EncodedDataset data = toy_data(60, 1), validation = toy_data(40, 2);
  // A constant rate without warm-up, so that a shorter job takes the same steps.
  const auto task = two_classes(model);
  PlainJob job{.task = task.get(),
               .data = &data,
               .start = &start,
               .config = {.batch_size = 16, .learning_rate = 2e-2, .schedule = Schedule::constant},
               .name = "pooled"};
  const auto standing_of = [&](const StateDict& adapter) {
    return metrics::standing(evaluate(*two_classes(model), adapter, validation, {}).tally, "accuracy");
  };
  metrics::Standing best{.value = -1};
  std::uint64_t best_step = 0;
  for (const std::uint64_t steps : {5, 10, 15, 20, 23}) {
    job.steps = steps;
    const metrics::Standing standing = standing_of(train_plainly(job).adapter);
    if (!metrics::is_better("accuracy", standing, best)) continue;
    best_step = steps;
    best = standing;
  }
  job.validation = &validation;
  job.validate_every = 5;
  std::vector<std::uint64_t> done;
  const PlainResult result = train_plainly(job, [&](const fl::TrainProgress& progress) {
    done.push_back(progress.done);
    EXPECT_EQ(progress.total, 23U);
  });
  EXPECT_EQ(done.size(), 23U);
  EXPECT_EQ(done.back(), 23U);
  EXPECT_GT(best_step, 5U);  // or the test would not see a job that keeps the first
  EXPECT_EQ(result.adapter_step, best_step);
  EXPECT_EQ(result.best.value, best.value);
  EXPECT_EQ(standing_of(result.adapter).value, best.value);
}

}  // namespace
}  // namespace weft::train
