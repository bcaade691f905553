// Packed multi-head attention: sequences lie one after the other in a row of tokens, each attends to itself only.
//   out = dropout(softmax(q·kᵀ/√d))·v  per sequence and head, with the biases of the projections added on the way in.
// Suffixes: T packed tokens · N sequences · D model width = heads · d.
// Nothing of size length² is kept for the backward pass: it is computed again from the row's log-sum-exp.
// Source: Vaswani et al. 2017, arXiv:1706.03762; recomputation as in Dao et al. 2022, arXiv:2205.14135.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "common/nn/dropout.h"

namespace weft::nn {

struct AttentionShape {
  std::int64_t heads = 1;
  std::vector<std::int64_t> starts;  // N + 1 offsets into T
};

// qkv [T, 3D]: query, key, value side by side; bias [3D] frozen. Returns [T, D]. Differentiable in qkv.
at::Tensor self_attention(const at::Tensor& qkv_T3D, const at::Tensor& bias_3D, const AttentionShape& shape,
                          const Dropout& dropout);
// One query a sequence: q [N, D], kv [T, 2D]; bias [3D] as above. Returns [N, D]. Differentiable in q and kv.
at::Tensor pooled_attention(const at::Tensor& q_ND, const at::Tensor& kv_T2D, const at::Tensor& bias_3D,
                            const AttentionShape& shape, const Dropout& dropout);
// The same in ATen's own operations, on any device and dtype.
at::Tensor self_attention_aten(const at::Tensor& qkv_T3D, const at::Tensor& bias_3D, const AttentionShape& shape,
                               const Dropout& dropout);
at::Tensor pooled_attention_aten(const at::Tensor& q_ND, const at::Tensor& kv_T2D, const at::Tensor& bias_3D,
                                 const AttentionShape& shape, const Dropout& dropout);

}  // namespace weft::nn
