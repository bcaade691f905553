// y = LayerNorm(residual + dropout(h + bias)) with frozen bias, scale and shift: the end of each half of a
// post-norm transformer layer, in one pass. Source: Ba et al. 2016, "Layer normalization", arXiv:1607.06450.
#pragma once
#include <ATen/core/Tensor.h>

#include "common/nn/dropout.h"

namespace weft::nn {

struct NormWeights {
  at::Tensor scale_D, shift_D;  // frozen
  double epsilon = 1e-12;
};

// h [T, D] and residual [T, D]; differentiable in both. Takes h over, as bias_activation does.
at::Tensor residual_norm(at::Tensor h_TD, const at::Tensor& bias_D, const at::Tensor& residual_TD,
                         const NormWeights& norm, const Dropout& dropout);
// The same in ATen's own operations, on any device and dtype.
at::Tensor residual_norm_aten(const at::Tensor& h_TD, const at::Tensor& bias_D, const at::Tensor& residual_TD,
                              const NormWeights& norm, const Dropout& dropout);

}  // namespace weft::nn
