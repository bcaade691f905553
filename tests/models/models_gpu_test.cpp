// The model on the first GPU against the CPU: logits, gradients, and the masks of dropout.
#include <ATen/Context.h>
#include <gtest/gtest.h>

#include "tests/models/bert_support.h"

namespace weft::models {
namespace {

class BertGpuTest : public testing::TestWithParam<double> {
 protected:
  void SetUp() override {
    if (!at::hasCUDA()) GTEST_SKIP() << "LibTorch sees no GPU here";
  }
  struct Pass {
    at::Tensor logits, gradient;
  };
  static Pass pass(at::Device device, double dropout) {
    const Golden golden(fixture("bert_tiny_query_value.safetensors"));
    const auto bert =
        load({.folder = fixture("bert_tiny"), .adapter_dropout = dropout, .base_dropout = dropout, .device = device});
    nn::Trainable params(golden.state("adapter", bert->manifest()), device, true);
    const nn::Packed batch = to_device(golden.batch, device);
    RngStream rng = Rng(4).stream("dropout");
    backward_step(*bert, batch, golden.labels_N.to(device), params, &rng);
    return {logits_of(*bert, batch, params).detach().to(at::kCPU), params.grad().to(at::kCPU)};
  }
};

TEST_P(BertGpuTest, LogitsAndGradientsAreThoseOfTheCpu) {
  const Pass cpu = pass(at::kCPU, GetParam()), gpu = pass(at::Device(at::kCUDA, 0), GetParam());
  EXPECT_LT(largest_difference(gpu.logits, cpu.logits), 1e-4);
  EXPECT_LT(relative_difference(gpu.gradient, cpu.gradient), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Dropout, BertGpuTest, testing::Values(0.0, 0.1),
                         [](const auto& tested) { return tested.param == 0 ? "none" : "a_tenth"; });

}  // namespace
}  // namespace weft::models
