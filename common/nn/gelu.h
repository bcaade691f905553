// y = GELU(u + bias), exact: bias_activation by its oldest name.
#pragma once
#include <utility>

#include "common/nn/activation.h"

namespace weft::nn {

inline at::Tensor bias_gelu(at::Tensor u_TD, const at::Tensor& bias_D) {
  return bias_activation(std::move(u_TD), bias_D, Activation::gelu);
}
inline at::Tensor bias_gelu_aten(const at::Tensor& u_TD, const at::Tensor& bias_D) {
  return bias_activation_aten(u_TD, bias_D, Activation::gelu);
}

}  // namespace weft::nn
