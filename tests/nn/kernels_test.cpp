// The fused CPU kernels against the same formulas in ATen's own operations: values and gradients, with and without
// dropout, on sizes that are no multiple of any vector width.
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "common/nn/activation.h"
#include "common/nn/attention.h"
#include "common/nn/dropout_aten.h"
#include "common/nn/residual_norm.h"
#include "tests/nn/nn_support.h"

namespace weft::nn {
namespace {

const std::vector<std::int64_t> kStarts{0, 1, 4, 20, 37, 68, 70, 203};

Dropout dropout_of(double p) {
  RngStream rng = Rng(11).stream("kernels");
  return Dropout::draw(&rng, p);
}

class KernelTest : public testing::TestWithParam<double> {};

TEST_P(KernelTest, SelfAttention) {
  const std::int64_t tokens = kStarts.back();
  for (const std::int64_t head_width : {8, 12, 32}) {
    const AttentionShape shape{.heads = 3, .starts = kStarts};
    const at::Tensor qkv = at::randn({tokens, 9 * head_width}), bias = at::randn({9 * head_width});
    const Dropout dropout = dropout_of(GetParam());
    expect_same(differentiate({qkv}, [&](const auto& in) { return self_attention(in[0], bias, shape, dropout); }),
                differentiate({qkv}, [&](const auto& in) { return self_attention_aten(in[0], bias, shape, dropout); }));
  }
}

TEST_P(KernelTest, PooledAttention) {
  const std::int64_t tokens = kStarts.back(), sequences = std::ssize(kStarts) - 1;
  const AttentionShape shape{.heads = 3, .starts = kStarts};
  const at::Tensor q = at::randn({sequences, 36}), kv = at::randn({tokens, 72}), bias = at::randn({108});
  const Dropout dropout = dropout_of(GetParam());
  expect_same(
      differentiate({q, kv}, [&](const auto& in) { return pooled_attention(in[0], in[1], bias, shape, dropout); }),
      differentiate({q, kv},
                    [&](const auto& in) { return pooled_attention_aten(in[0], in[1], bias, shape, dropout); }));
}

TEST_P(KernelTest, ResidualNorm) {
  for (const std::int64_t width : {7, 36, 384}) {
    const NormWeights norm{.scale_D = at::rand({width}), .shift_D = at::randn({width}), .epsilon = 1e-12};
    const at::Tensor h = at::randn({53, width}), residual = at::randn({53, width}), bias = at::randn({width});
    const Dropout dropout = dropout_of(GetParam());
    expect_same(
        differentiate({h, residual}, [&](const auto& in) { return residual_norm(in[0], bias, in[1], norm, dropout); }),
        differentiate({h, residual},
                      [&](const auto& in) { return residual_norm_aten(in[0], bias, in[1], norm, dropout); }));
  }
}

INSTANTIATE_TEST_SUITE_P(Dropout, KernelTest, testing::Values(0.0, 0.1, 0.5), [](const auto& tested) {
  return "percent_" + std::to_string(std::lround(tested.param * 100));
});

TEST(GeluTest, IsExactOverItsWholeRange) {
  const at::Tensor u = at::linspace(-12, 12, 53 * 37).view({53, 37}), bias = at::zeros({37});
  expect_same(differentiate({u}, [&](const auto& in) { return bias_activation(in[0], bias, Activation::gelu); }),
              differentiate({u}, [&](const auto& in) { return bias_activation_aten(in[0], bias, Activation::gelu); }));
}

TEST(DropoutTest, DropsItsShareEverywhere) {
  for (const double p : {0.05, 0.1, 0.5, 0.9}) {
    const at::Tensor factors = dropout_factors(dropout_of(p), 1000, 384, at::kCPU);
    const at::Tensor dropped = factors.eq(0).to(at::kDouble);
    const double deviation = std::sqrt(p * (1 - p));
    EXPECT_NEAR(dropped.mean().item().toDouble(), p, 4 * deviation / std::sqrt(384'000.0) + 1e-5);
    // No row and no column is favoured: 5 standard deviations of its mean.
    EXPECT_LT(dropped.mean(1).sub(p).abs().max().item().toDouble(), 5 * deviation / std::sqrt(384.0));
    EXPECT_LT(dropped.mean(0).sub(p).abs().max().item().toDouble(), 5 * deviation / std::sqrt(1000.0));
    // Neighbours know nothing of each other.
    const at::Tensor centred = dropped.sub(p).div(deviation);
    for (const std::int64_t axis : {0, 1}) {
      const std::int64_t n = centred.size(axis) - 1;
      const double correlation = centred.narrow(axis, 0, n).mul(centred.narrow(axis, 1, n)).mean().item().toDouble();
      EXPECT_LT(std::abs(correlation), 5 / std::sqrt(384'000.0)) << "axis " << axis;
    }
    EXPECT_NEAR(factors.max().item().toDouble() * (1 - p), 1, 1e-4);
  }
}

TEST(DropoutTest, AnElementKeepsItsDrawWhereverItsBlockBegins) {
  const Dropout dropout = dropout_of(0.3);
  const at::Tensor all = dropout_factors(dropout, 40, 33, at::kCPU);
  EXPECT_TRUE(at::equal(all.narrow(0, 17, 9), dropout_factors(dropout, 9, 33, at::kCPU, 17)));
  EXPECT_FALSE(at::equal(all.narrow(0, 0, 9), dropout_factors(dropout, 9, 33, at::kCPU, 17)));
  EXPECT_FALSE(dropout_of(0).active());
  EXPECT_FALSE(Dropout::draw(nullptr, 0.5).active());
}

// High words of keys and counters included: a row offset beyond 2²⁸ chunks takes counters beyond 2³².
TEST(DropoutTest, AtensOperationsMakeTheKernelsFactors) {
  RngStream rng = Rng(12).stream("dropout keys");
  for (const std::uint64_t key : {rng.next_u64(), rng.next_u64(), std::uint64_t{0}, ~std::uint64_t{0},
                                  std::uint64_t{0x8000000080000000}, std::uint64_t{0x7FFFFFFFFFFFFFFF}})
    for (const std::uint32_t threshold : {1U, 6554U, 32768U, 65535U}) {
      const Dropout dropout{.key = key, .threshold = threshold, .scale = 65536.0F / (65536.0F - threshold)};
      for (const auto& [rows, columns] : {std::pair{1, 1}, {3, 127}, {5, 128}, {2, 129}, {17, 384}, {1, 5001}})
        for (const std::int64_t offset : {std::int64_t{0}, std::int64_t{7}, (std::int64_t{1} << 28) - 1,
                                          std::int64_t{0xB504F333}, std::int64_t{0x1B504F333F9}, std::int64_t{1} << 52})
          ASSERT_TRUE(at::equal(dropout_factors_aten(dropout, rows, columns, at::kCPU, offset),
                                dropout_factors(dropout, rows, columns, at::kCPU, offset)))
              << key << ' ' << threshold << ' ' << rows << " x " << columns << " from row " << offset;
    }
  const Dropout dropout = dropout_of(0.1);  // more than are made at once
  EXPECT_TRUE(
      at::equal(dropout_factors_aten(dropout, 2100, 4097, at::kCPU), dropout_factors(dropout, 2100, 4097, at::kCPU)));
}

}  // namespace
}  // namespace weft::nn
