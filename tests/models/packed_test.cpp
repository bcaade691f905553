// What packing and dropout promise: neighbours in a batch do not show, the same seed gives the same bits.
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/models/bert_support.h"

namespace weft::models {
namespace {

using testing::HasSubstr;

using Sequences = std::vector<std::vector<std::int64_t>>;

Sequences sequences() {
  RngStream random = Rng(2).stream("sequences");
  Sequences all;
  for (const std::size_t length : {3U, 1U, 40U, 16U, 17U, 31U, 2U, 9U}) {
    all.emplace_back(length);
    for (std::int64_t& id : all.back()) id = static_cast<std::int64_t>(random.below(124));
  }
  return all;
}

nn::Trainable params_of(const Model& bert, bool gradients) {
  const Golden golden(fixture("bert_tiny_query_value.safetensors"));
  return nn::Trainable(golden.state("adapter", bert.manifest()), at::kCPU, gradients);
}

TEST(PackedTest, LogitsAreThoseOfEachSequenceAlone) {
  const auto bert = load({.folder = fixture("bert_tiny")});
  const nn::Trainable params = params_of(*bert, false);
  const at::Tensor together = logits_of(*bert, batch_from(sequences()), params);
  std::vector<at::Tensor> alone;
  for (const auto& sequence : sequences()) alone.push_back(logits_of(*bert, batch_from({sequence}), params));
  EXPECT_LT(largest_difference(together, at::cat(alone)), 1e-5);
}

TEST(PackedTest, TheGradientIsTheMeanOfEachSequences) {
  const auto bert = load({.folder = fixture("bert_tiny")});
  nn::Trainable params = params_of(*bert, true);
  const at::Tensor ones = at::full({1}, 1, at::kLong);
  at::Tensor sum = params.grad().clone();
  for (const auto& sequence : sequences()) {
    backward_step(*bert, batch_from({sequence}), ones, params, nullptr);
    sum = sum.add(params.grad());
  }
  backward_step(*bert, batch_from(sequences()), ones.expand({8}).contiguous(), params, nullptr);
  EXPECT_LT(relative_difference(params.grad(), sum.div(8.0)), 1e-5);
}

// A rate for each place that has dropout.
BertOptions with_dropout() { return {.folder = fixture("bert_tiny"), .adapter_dropout = 0.1, .base_dropout = 0.1}; }

at::Tensor gradient(const Model& bert, std::uint64_t seed) {
  nn::Trainable params = params_of(bert, true);
  RngStream rng = Rng(seed).stream("dropout");
  backward_step(bert, batch_from(sequences()), at::full({8}, 1, at::kLong), params, &rng);
  return params.grad();
}

TEST(BertDropoutTest, TheSameSeedGivesTheSameBits) {
  const auto bert = load(with_dropout());
  EXPECT_TRUE(at::equal(gradient(*bert, 3), gradient(*bert, 3)));
  EXPECT_FALSE(at::equal(gradient(*bert, 3), gradient(*bert, 4)));
}

TEST(BertDropoutTest, OneThreadOrTwoDrawTheSameMasks) {
  const auto bert = load(with_dropout());
  at::set_num_threads(1);
  const at::Tensor one = gradient(*bert, 3);
  at::set_num_threads(2);
  const at::Tensor two = gradient(*bert, 3);
  at::set_num_threads(1);
  EXPECT_LT(relative_difference(two, one), 1e-5);
}

TEST(BertDropoutTest, EvaluationHasNone) {
  const auto bert = load(with_dropout()), without = load({.folder = fixture("bert_tiny"), .base_dropout = 0});
  const nn::Trainable params = params_of(*bert, false);
  EXPECT_TRUE(at::equal(logits_of(*bert, batch_from(sequences()), params),
                        logits_of(*without, batch_from(sequences()), params)));
}

// Scaled by what is kept: over many masks the embedding's mean is the one without dropout.
TEST(BertDropoutTest, KeepsTheMean) {
  const Encoder encoder = load_encoder({.folder = fixture("bert_tiny"), .base_dropout = 0.1});
  const nn::Trainable params(StateDict::zeros(std::make_shared<const Manifest>()), at::kCPU, false);
  const nn::Packed batch = batch_from(sequences());
  const at::Tensor expected = encoder.states_after({params, nullptr}, batch, 0);
  RngStream rng = Rng(3).stream("dropout");
  std::vector<at::Tensor> draws;
  for (int i = 0; i < 2000; ++i) draws.push_back(encoder.states_after({params, &rng}, batch, 0));
  // One draw's standard deviation is |x|/3; 5 of those of the mean, for the largest x.
  const double bound = 5 * expected.abs().max().item().toDouble() / 3 / std::sqrt(2000.0);
  const at::Tensor mean = at::stack(draws).mean(at::IntArrayRef{0});
  EXPECT_LT(largest_difference(mean, expected), bound);
  EXPECT_NEAR(at::stack(draws).eq(0).to(at::kDouble).mean().item().toDouble(), 0.1, 1e-3);
}

TEST(BertErrorTest, ATextThatIsTooLongIsRefusedWithItsRemedy) {
  const auto bert = load({.folder = fixture("bert_tiny")});
  const nn::Trainable params = params_of(*bert, false);
  try {
    logits_of(*bert, batch_from({{1, 2}, std::vector<std::int64_t>(41)}), params);
    FAIL() << "41 tokens were taken";
  } catch (const Failure& error) {
    EXPECT_THAT(error.what(), HasSubstr("sequence 1"));
    EXPECT_THAT(error.what(), HasSubstr("41 tokens; the model takes 1 to 40. Lower task.max_tokens"));
  }
  EXPECT_THROW(logits_of(*bert, batch_from({{1, 124}}), params), Failure);
}

}  // namespace
}  // namespace weft::models
