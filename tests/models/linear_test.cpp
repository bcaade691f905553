// One linear layer with each thing that can be trained on it, against the formula written out.
#include "common/models/linear.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/models/bert_support.h"

namespace weft::models {
namespace {

constexpr std::int64_t kIn = 16, kOut = 32, kRows = 5, kRank = 2;

// Values in [-1, 1) that no two places share.
at::Tensor values(std::vector<std::int64_t> shape, const char* label) {
  RngStream stream = Rng(9).stream(label);
  std::int64_t size = 1;
  for (const std::int64_t dimension : shape) size *= dimension;
  std::vector<float> all(static_cast<std::size_t>(size));
  for (float& value : all) value = static_cast<float>(2 * stream.uniform() - 1);
  return at::tensor(all).view(shape);
}

nn::Trainable params_of(std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes) {
  StateDict state = StateDict::zeros(std::make_shared<const Manifest>(Manifest::build(std::move(shapes)).value()));
  RngStream stream = Rng(10).stream("params");
  for (float& value : state.values) value = static_cast<float>(0.5 + stream.uniform());
  return {state, at::kCPU, false};
}

const at::Tensor kWeight = values({kOut, kIn}, "weight"), kBias = values({kOut}, "bias"),
                 kX = values({kRows, kIn}, "x");

TEST(LinearTest, DecomposedWithDropoutIsPeftsFormula) {
  const nn::Trainable params = params_of({{"a", {kRank, kIn}}, {"b", {kOut, kRank}}, {"m", {kOut}}});
  const Linear linear(kWeight, kBias,
                      {{.out = kOut, .a = "a", .b = "b", .magnitude = "m", .scale = 1.5, .dropout = 0.4}});
  RngStream rng = Rng(11).stream("dropout"), same = rng;
  const at::Tensor y = linear({params, &rng}, kX);

  const at::Tensor dropped = kX.mul(nn::dropout_factors(nn::Dropout::draw(&same, 0.4), kRows, kIn, at::kCPU));
  const at::Tensor &a = params.leaf("a"), &b = params.leaf("b");
  const at::Tensor whole = kWeight.add(at::mm(b, a), 1.5);
  const at::Tensor c = params.leaf("m").div(at::linalg_vector_norm(whole, 2, at::IntArrayRef{1}));
  const at::Tensor expected = at::mm(kX, kWeight.t())
                                  .add(kBias)
                                  .add(at::mm(dropped, kWeight.t()).mul(c.sub(1)))
                                  .add(at::mm(at::mm(dropped, a.t()), b.t()).mul(c), 1.5);
  EXPECT_GT(largest_difference(dropped, kX), 0.1);
  EXPECT_LT(largest_difference(y, expected), 1e-5);
}

TEST(LinearTest, VectorsScaleInputsOrOutputsWithTheirBias) {
  const nn::Trainable params = params_of({{"in", {1, kIn}}, {"out", {kOut, 1}}});
  const Linear inputs(kWeight, kBias, {{.out = kOut, .input_scale = "in"}});
  EXPECT_LT(largest_difference(inputs({params}, kX), at::mm(kX.mul(params.leaf("in")), kWeight.t()).add(kBias)), 1e-5);
  const Linear outputs(kWeight, kBias, {{.out = kOut, .output_scale = "out"}});
  EXPECT_LT(
      largest_difference(outputs({params}, kX), at::mm(kX, kWeight.t()).add(kBias).mul(params.leaf("out").view({-1}))),
      1e-5);
  EXPECT_EQ(outputs.bias().abs().max().item().toDouble(), 0);  // it is in the product
}

TEST(LinearTest, ModulesSideBySideKeepTheirOwn) {
  const nn::Trainable params =
      params_of({{"a", {kRank, kIn}}, {"b", {kOut / 2, kRank}}, {"bias", {kOut / 4}}, {"w", {kIn, kOut / 4}}});
  const Linear all(kWeight, kBias,
                   {{.out = kOut / 2, .a = "a", .b = "b", .scale = 2},
                    {.first_output = kOut / 2, .out = kOut / 4, .bias = "bias"},
                    {.first_output = 3 * kOut / 4, .out = kOut / 4, .weight = "w", .weight_is_IO = true}});
  const at::Tensor first = at::mm(kX, kWeight.slice(0, 0, kOut / 2).t())
                               .add(at::mm(at::mm(kX, params.leaf("a").t()), params.leaf("b").t()), 2)
                               .add(kBias.slice(0, 0, kOut / 2));
  const at::Tensor second = at::mm(kX, kWeight.slice(0, kOut / 2, 3 * kOut / 4).t()).add(params.leaf("bias"));
  const at::Tensor third = at::mm(kX, params.leaf("w")).add(kBias.slice(0, 3 * kOut / 4));
  EXPECT_LT(largest_difference(all({params}, kX), at::cat({first, second, third}, 1)), 1e-5);
  EXPECT_LT(largest_difference(all.modules(1, 2)({params}, kX), at::cat({second, third}, 1)), 1e-5);
}

TEST(LinearTest, WithoutABiasThereIsNoneToAdd) {
  const nn::Trainable params = params_of({{"out", {kOut, 1}}});
  const Linear plain(kWeight, {}, {{.out = kOut, .has_bias = false}});
  EXPECT_FALSE(plain.bias().defined());
  EXPECT_LT(largest_difference(plain({params}, kX), at::mm(kX, kWeight.t())), 1e-5);
  const Linear scaled(kWeight, {}, {{.out = kOut, .output_scale = "out", .has_bias = false}});
  EXPECT_LT(largest_difference(scaled({params}, kX), at::mm(kX, kWeight.t()).mul(params.leaf("out").view({-1}))), 1e-5);
}

}  // namespace
}  // namespace weft::models
