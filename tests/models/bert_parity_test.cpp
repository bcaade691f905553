// Weft's BERT against transformers and PEFT: hidden states, logits, adapter gradients, three optimizer steps.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include "tests/models/bert_support.h"

namespace weft::models {
namespace {

constexpr double kTolerance = 1e-5;

struct Case {
  std::string name;
  std::vector<std::string> targets;
  std::int64_t rank;
};

class BertParityTest : public testing::TestWithParam<Case> {};

void expect_gradients(const Golden& golden, const nn::Trainable& params) {
  const auto specs = params.manifest()->tensors();
  for (std::size_t i = 0; i < specs.size(); ++i)
    EXPECT_LT(relative_difference(params.leaves()[i].grad(), golden.tensors.at("gradient/" + specs[i].name)),
              kTolerance)
        << specs[i].name;
}

TEST_P(BertParityTest, LogitsGradientsAndThreeStepsAreThoseOfPeft) {
  const Golden golden(fixture("bert_tiny_" + GetParam().name + ".safetensors"));
  const auto bert = load({.folder = fixture("bert_tiny"), .targets = GetParam().targets, .rank = GetParam().rank});
  nn::Trainable params(golden.state("adapter", bert->manifest()), at::kCPU, true);
  EXPECT_LT(largest_difference(logits_of(*bert, golden.batch, params), golden.tensors.at("logits")), kTolerance);
  EXPECT_NEAR(backward_step(*bert, golden.batch, golden.labels_N, params, nullptr),
              golden.tensors.at("loss").item().toDouble(), kTolerance);
  expect_gradients(golden, params);

  at::Tensor mean = at::zeros_like(params.flat()), square = at::zeros_like(params.flat());
  for (int step = 1; step <= 3; ++step) {
    backward_step(*bert, golden.batch, golden.labels_N, params, nullptr);
    const at::NoGradGuard guard;
    at::_fused_adamw_({params.flat()}, {params.grad()}, {mean}, {square}, {}, {at::tensor(static_cast<float>(step))},
                      1e-2, 0.9, 0.999, 0.01, 1e-4, false, false);
  }
  const nn::Trainable expected(golden.state("stepped", bert->manifest()), at::kCPU, false);
  EXPECT_LT(largest_difference(params.flat(), expected.flat()), 2 * kTolerance);  // rounding of three steps adds up
  EXPECT_LT(largest_difference(logits_of(*bert, golden.batch, expected), golden.tensors.at("stepped_logits")),
            kTolerance);
}

INSTANTIATE_TEST_SUITE_P(Targets, BertParityTest,
                         testing::Values(Case{"query_value", {"query", "value"}, 8},
                                         Case{"all_linear", {"query", "key", "value", "dense"}, 2}),
                         [](const auto& tested) { return tested.param.name; });

TEST(BertHiddenStateTest, EveryLayerIsThatOfTransformers) {
  const Golden golden(fixture("bert_tiny_query_value.safetensors"));
  const Encoder encoder = load_encoder({.folder = fixture("bert_tiny")});
  const nn::Trainable params(StateDict::zeros(std::make_shared<const Manifest>()), at::kCPU, false);
  for (int layer = 0; layer <= 3; ++layer)
    EXPECT_LT(largest_difference(encoder.states_after({params, nullptr}, golden.batch, layer),
                                 golden.tensors.at("hidden." + std::to_string(layer))),
              kTolerance)
        << "layer " << layer;
}

TEST(MiniLmParityTest, LogitsAndGradientsAreThoseOfPeft) {
  const std::filesystem::path folder = std::filesystem::path(WEFT_SOURCE_DIR) / ".deps/models/all-MiniLM-L6-v2";
  if (!std::filesystem::exists(folder / "model.safetensors"))
    GTEST_SKIP() << "all-MiniLM-L6-v2 is not there: run ./run setup (scripts/fetch_assets.py)";
  const Golden golden(fixture("minilm_query_value.safetensors"));
  const auto bert = load({.folder = folder, .rank = 1});
  nn::Trainable params(golden.state("adapter", bert->manifest()), at::kCPU, true);
  EXPECT_LT(largest_difference(logits_of(*bert, golden.batch, params), golden.tensors.at("logits")), kTolerance);
  backward_step(*bert, golden.batch, golden.labels_N, params, nullptr);
  expect_gradients(golden, params);
}

}  // namespace
}  // namespace weft::models
