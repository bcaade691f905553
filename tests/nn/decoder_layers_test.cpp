// The layers of pre-norm decoders against the same formulas written plainly: values and gradients.
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "common/base/result.h"
#include "common/nn/activation.h"
#include "common/nn/linear_loss.h"
#include "common/nn/pre_norm.h"
#include "common/nn/rotary.h"
#include "tests/nn/nn_support.h"

namespace weft::nn {
namespace {

Dropout dropout_of(double p) {
  RngStream rng = Rng(11).stream("layers");
  return Dropout::draw(&rng, p);
}

TEST(ActivationTest, EveryKindIsExactOverItsWholeRange) {
  const at::Tensor u = at::linspace(-12, 12, 53 * 48).view({53, 48}), bias = at::linspace(-0.1, 0.1, 48);
  for (const char* name : {"gelu", "gelu_new", "quick_gelu", "silu", "relu"})
    for (const at::Tensor& added : {bias, at::Tensor()}) {
      SCOPED_TRACE(name);
      const Activation kind = activation_of(name).value();
      expect_same(differentiate({u}, [&](const auto& in) { return bias_activation(in[0], added, kind); }),
                  differentiate({u}, [&](const auto& in) { return bias_activation_aten(in[0], added, kind); }), 5e-6);
    }
  EXPECT_FALSE(activation_of("mish").has_value());
}

TEST(ActivationTest, ATrainedBiasGetsItsGradient) {
  const at::Tensor u = at::randn({9, 32}), bias = at::randn({32});
  const auto both =
      differentiate({u, bias}, [](const auto& in) { return bias_activation(in[0], in[1], Activation::gelu_tanh); });
  EXPECT_LT(relative(both.gradients[1], both.gradients[0].sum(0)), 1e-5);
}

TEST(ActivationTest, GatedSilu) {
  const at::Tensor gate_up = at::randn({37, 96}).mul(6);
  expect_same(differentiate({gate_up}, [](const auto& in) { return gated_silu(in[0]); }),
              differentiate({gate_up}, [](const auto& in) { return gated_silu_aten(in[0]); }), 5e-5);
  EXPECT_LT(relative(gated_silu(gate_up.clone()), gated_silu_aten(gate_up)), 1e-6);
}

class PreNormTest : public testing::TestWithParam<double> {};

TEST_P(PreNormTest, StreamAndNormWithBothGradients) {
  const Dropout dropout = dropout_of(GetParam());
  const at::Tensor h = at::randn({53, 48}), stream = at::randn({53, 48}), scale = at::rand({48});
  for (const at::Tensor& shift : {at::randn({48}), at::Tensor()})  // LayerNorm, RMSNorm
    for (const at::Tensor& bias : {at::randn({48}), at::Tensor()}) {
      const NormWeights weights{.scale_D = scale, .shift_D = shift, .epsilon = 1e-5};
      const auto both = [](const PreNorm& out) { return at::cat({out.stream_TD, out.normed_TD}, 1); };
      expect_same(differentiate({h, stream},
                                [&](const auto& in) { return both(add_norm(in[0], bias, in[1], weights, dropout)); }),
                  differentiate({h, stream}, [&](const auto& in) {
                    return both(add_norm_aten(in[0], bias, in[1], weights, dropout));
                  }));
      // Either of the two alone.
      expect_same(
          differentiate({h, stream},
                        [&](const auto& in) { return add_norm(in[0], bias, in[1], weights, dropout).normed_TD; }),
          differentiate({h, stream},
                        [&](const auto& in) { return add_norm_aten(in[0], bias, in[1], weights, dropout).normed_TD; }));
      expect_same(differentiate({h, stream}, [&](const auto& in) { return add_residual(in[0], bias, in[1], dropout); }),
                  differentiate({h, stream}, [&](const auto& in) {
                    return add_norm_aten(in[0], bias, in[1], weights, dropout).stream_TD;
                  }));
      expect_same(differentiate({h}, [&](const auto& in) { return norm(in[0], weights); }),
                  differentiate({h}, [&](const auto& in) { return norm_aten(in[0], weights); }));
    }
}

INSTANTIATE_TEST_SUITE_P(Dropout, PreNormTest, testing::Values(0.0, 0.3));

TEST(PreNormTest, TrainedScaleAndShiftGetTheirGradients) {
  const at::Tensor x = at::randn({9, 32}), scale = at::rand({32}), shift = at::randn({32});
  const auto all = differentiate({x, scale, shift}, [](const auto& in) { return norm(in[0], {in[1], in[2], 1e-5}); });
  EXPECT_GT(all.gradients[1].abs().sum().item().toDouble(), 0);
  EXPECT_GT(all.gradients[2].abs().sum().item().toDouble(), 0);
}

RotaryAngles angles_for(const RotaryConfig& config, std::int64_t tokens) {
  return rotary_angles(rotary_frequencies(config), at::arange(tokens), at::kCPU);
}

TEST(RotaryTest, FusedEqualsPlainOnPartAndAllOfAHead) {
  const RotaryShape shape{.heads = 5, .head_dim = 32};
  const at::Tensor qkv = at::randn({41, 7 * 32}), bias = at::randn({7 * 32});
  for (const std::int64_t rotated : {32, 20, 8})
    for (const at::Tensor& added : {bias, at::Tensor()}) {
      const RotaryAngles angles = angles_for({.theta = 100, .rotated = rotated}, 41);
      expect_same(differentiate({qkv}, [&](const auto& in) { return rotate(in[0], added, angles, shape); }),
                  differentiate({qkv}, [&](const auto& in) { return rotate_aten(in[0], added, angles, shape); }));
    }
}

TEST(RotaryTest, AtensAnglesAreTheSame) {
  const RotaryFrequencies frequencies = rotary_frequencies({.theta = 10000, .rotated = 64});
  const at::Tensor positions = at::arange(5000).flip(0);
  const RotaryAngles ours = rotary_angles(frequencies, positions, at::kCPU),
                     plain = rotary_angles_aten(frequencies, positions, at::kCPU);
  EXPECT_LT(difference(plain.cos_TF, ours.cos_TF), 1e-7);
  EXPECT_LT(difference(plain.sin_TF, ours.sin_TF), 1e-7);
}

// The definition itself: in the plane of features i and i + half, a turn by position·frequency.
TEST(RotaryTest, TurnsPairsByTheirAngle) {
  at::Tensor x = at::zeros({3, 16});
  for (std::int64_t t = 0; t < 3; ++t) x[t][2] = 1;
  const at::Tensor y = rotate(x.clone(), {}, angles_for({.theta = 10000, .rotated = 16}, 3), {1, 16});
  for (std::int64_t t = 0; t < 3; ++t) {
    const double angle = static_cast<double>(t) * std::pow(10000, -4.0 / 16);
    EXPECT_NEAR(y[t][2].item().toDouble(), std::cos(angle), 1e-6);
    EXPECT_NEAR(y[t][10].item().toDouble(), std::sin(angle), 1e-6);
  }
}

TEST(FrozenLinearTest, FewRowsEqualTheGeneralProduct) {
  const at::Tensor weight = at::randn({1003, 48});
  const auto linear = frozen_fp32(weight, {});
  for (const std::int64_t rows : {1, 2, 7, 8, 9}) {
    const at::Tensor x = at::randn({rows, 48});
    EXPECT_LT(relative(linear->forward(x), at::mm(x, weight.t())), 1e-5) << rows << " rows";
  }
}

at::Tensor some_targets(std::int64_t rows, std::int64_t vocabulary) {
  return at::arange(rows).mul(7919).remainder(vocabulary);
}

TEST(LinearLossTest, EqualsAllLogitsAtOnceOverSeveralChunks) {
  for (const std::int64_t vocabulary : {40, 50'257}) {  // the second takes two chunks and is no multiple of a register
    const std::int64_t rows = vocabulary > 1000 ? 200 : 37;
    const at::Tensor states = at::randn({rows, 16}), weight = at::randn({vocabulary, 16});
    const at::Tensor targets = some_targets(rows, vocabulary);
    const auto head = frozen_fp32(weight, {});
    const auto plain =
        differentiate({states}, [&](const auto& in) { return linear_cross_entropy_aten(in[0], weight, targets); });
    const auto frozen =
        differentiate({states}, [&](const auto& in) { return linear_cross_entropy(in[0], head, targets); });
    EXPECT_LT(relative(frozen.value, plain.value), 1e-5);
    EXPECT_LT(relative(frozen.gradients[0], plain.gradients[0]), 1e-5);
    EXPECT_LT(relative(linear_cross_entropy(states, head, targets), plain.value), 1e-5);
  }
}

TEST(LinearLossTest, NamesATargetOutsideTheVocabulary) {
  const at::Tensor states = at::randn({3, 16});
  at::Tensor targets = at::zeros({3}, at::kLong);
  targets[1] = 40;
  try {
    (void)linear_cross_entropy(states, frozen_fp32(at::randn({40, 16}), {}), targets);
    FAIL() << "expected an error";
  } catch (const Failure& failure) {
    EXPECT_NE(std::string(failure.what()).find("target token 40"), std::string::npos) << failure.what();
  }
}

}  // namespace
}  // namespace weft::nn
