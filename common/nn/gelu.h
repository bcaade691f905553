// y = GELU(u + bias), exact: 0.5·v·(1 + erf(v/√2)). Source: Hendrycks and Gimpel 2016, arXiv:1606.08415.
#pragma once
#include <ATen/core/Tensor.h>

namespace weft::nn {

// u [T, D], bias [D] frozen. Differentiable in u. Takes u over: its memory may hold other values afterwards, so pass
// a tensor that nobody else reads.
at::Tensor bias_gelu(at::Tensor u_TD, const at::Tensor& bias_D);
// The same in ATen's own operations, on any device and dtype.
at::Tensor bias_gelu_aten(const at::Tensor& u_TD, const at::Tensor& bias_D);

}  // namespace weft::nn
