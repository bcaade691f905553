// What stands between two halves of a pre-norm transformer layer: the half's output joins the residual stream, and the
// stream's normalised value is the next half's input. Both are kept, in one pass.
//   stream' = stream + dropout(h + bias),   normed = Norm(stream')
// NormWeights with a shift mean LayerNorm, without one RMSNorm: x/√(mean(x²) + ε)·scale.
// Suffixes: T packed tokens · D model width · H heads' rows.
// Sources: Ba et al. 2016, arXiv:1607.06450; Zhang and Sennrich 2019, "Root mean square layer normalization",
// arXiv:1910.07467.
#pragma once
#include <ATen/core/Tensor.h>

#include "common/nn/dropout.h"
#include "common/nn/residual_norm.h"

namespace weft::nn {

struct PreNorm {
  at::Tensor stream_TD, normed_TD;
};

// h [T, D], bias [D] or undefined, stream [T, D]; differentiable in h and stream. Takes h over, as bias_activation
// does.
PreNorm add_norm(at::Tensor h_TD, const at::Tensor& bias_D, const at::Tensor& stream_TD, const NormWeights& norm,
                 const Dropout& dropout);
// Norm(x) alone: a model's first norm. Differentiable in x, which stays as it is.
at::Tensor norm(const at::Tensor& x_TD, const NormWeights& norm);
// stream + dropout(h + bias) alone: what precedes rows that are picked out. Differentiable.
at::Tensor add_residual(at::Tensor h_TD, const at::Tensor& bias_D, const at::Tensor& stream_TD, const Dropout& dropout);

// The same in ATen's own operations, on any device and dtype; differentiable in bias, scale and shift as well. What the
// fused ones fall back to where one of those asks for a gradient.
PreNorm add_norm_aten(const at::Tensor& h_TD, const at::Tensor& bias_D, const at::Tensor& stream_TD,
                      const NormWeights& norm, const Dropout& dropout);
at::Tensor norm_aten(const at::Tensor& x_TD, const NormWeights& norm);

}  // namespace weft::nn
