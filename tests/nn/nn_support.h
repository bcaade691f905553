// What the tests of fused kernels share: values and gradients of a function, and how far two of them are apart.
#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/ops/linspace.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace weft::nn {

inline double difference(const at::Tensor& a, const at::Tensor& b) {
  return a.numel() == 0 ? 0 : a.sub(b).abs().max().item().toDouble();
}

// Value, and gradients of sum(weights · value) in each input.
struct Outcome {
  at::Tensor value;
  std::vector<at::Tensor> gradients;
};

template <class Function>
Outcome differentiate(const std::vector<at::Tensor>& inputs, Function&& function) {
  std::vector<at::Tensor> leaves;
  for (const at::Tensor& input : inputs) leaves.push_back(input.clone().set_requires_grad(true));
  std::vector<at::Tensor> passed;  // kernels may take their input over
  for (const at::Tensor& leaf : leaves) passed.push_back(leaf.mul(1.0));
  const at::Tensor value = function(passed);
  Outcome outcome{.value = value.detach().clone(), .gradients = {}};
  const at::Tensor weights = at::linspace(-1, 1, value.numel()).view(value.sizes()).sin();
  value.mul(weights.to(value.options())).sum().backward();
  for (const at::Tensor& leaf : leaves) outcome.gradients.push_back(leaf.grad());
  return outcome;
}

// Of what is large, the share of the largest value may differ.
inline double relative(const at::Tensor& got, const at::Tensor& expected) {
  return difference(got, expected) / std::max(1.0, expected.abs().max().item().toDouble());
}

inline void expect_same(const Outcome& fused, const Outcome& plain, double tolerance = 2e-5) {
  EXPECT_LT(relative(fused.value, plain.value), tolerance);
  for (std::size_t i = 0; i < plain.gradients.size(); ++i)
    EXPECT_LT(relative(fused.gradients[i], plain.gradients[i]), tolerance) << "gradient of input " << i;
}

}  // namespace weft::nn
