// Training on the first GPU: near the CPU's, and the loss falls.
#include <ATen/Context.h>
#include <gtest/gtest.h>

#include "common/metrics/registry.h"
#include "common/train/evaluator.h"
#include "common/train/plain_training.h"
#include "tests/train/train_support.h"

namespace weft::train {
namespace {

class TrainGpuTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!at::hasCUDA()) GTEST_SKIP() << "LibTorch sees no GPU here";
  }
  static PlainResult train(at::Device device, const TrainConfig& config, std::uint64_t steps, double dropout) {
    const auto model = tiny_bert({.adapter_dropout = dropout, .base_dropout = dropout, .device = device});
    const StateDict start = start_state(*model);
    const data::EncodedDataset data = toy_data(200, 1);
    const auto task = two_classes(model);
    return train_plainly(
        {.task = task.get(), .data = &data, .start = &start, .config = config, .name = "a", .steps = steps});
  }
  const at::Device gpu_{at::kCUDA, 0};
};

// Masks of dropout do not depend on the device, so steps agree with dropout too. SGD: AdamW turns the rounding of a
// gradient near zero into a whole step.
TEST_F(TrainGpuTest, FiveStepsAreThoseOfTheCpu) {
  const TrainConfig config{.batch_size = 16, .optimizer = OptimizerKind::sgd, .learning_rate = 0.02, .clip_norm = 1};
  const PlainResult cpu = train(at::kCPU, config, 5, 0.1), gpu = train(gpu_, config, 5, 0.1);
  EXPECT_NEAR(gpu.loss, cpu.loss, 1e-4);
  EXPECT_LT(largest_difference(gpu.adapter, cpu.adapter), 1e-4);
}

TEST_F(TrainGpuTest, TheLossFallsAndScoresAgree) {
  const TrainConfig config{.batch_size = 32, .learning_rate = 2e-2, .warmup_ratio = 0.1, .clip_norm = 1};
  const PlainResult first = train(gpu_, config, 3, 0.1), trained = train(gpu_, config, 60, 0.1);
  EXPECT_LT(trained.loss, first.loss * 0.8);
  const data::EncodedDataset data = toy_data(200, 1);
  const auto on_cpu = tiny_bert(), on_gpu = tiny_bert({.device = gpu_});
  const Score cpu = evaluate(*two_classes(on_cpu), trained.adapter, data, {});
  const Score gpu = evaluate(*two_classes(on_gpu), trained.adapter, data, {});
  EXPECT_GT(metrics::value(gpu.tally, "accuracy").value(), 0.85);
  EXPECT_NEAR(metrics::value(gpu.tally, "loss").value(), metrics::value(cpu.tally, "loss").value(), 1e-4);
}

}  // namespace
}  // namespace weft::train
