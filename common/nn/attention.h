// Packed multi-head attention: sequences lie one after the other in a row of tokens, each attends to itself only.
//   out = dropout(softmax(q·kᵀ/√d))·v  per sequence and head, with the biases of the projections added on the way in.
// Suffixes: T packed tokens · N sequences · D = heads · d · K = key_heads · d, D where every head has its own.
// Nothing of size length² is held, and nothing of it is kept for the backward pass: it is computed again from the row's
// log-sum-exp.
// Sources: Vaswani et al. 2017, arXiv:1706.03762; recomputation as in Dao et al. 2022, arXiv:2205.14135; grouped
// queries: Ainslie et al. 2023, arXiv:2305.13245; sliding window: Jiang et al. 2023, arXiv:2310.06825.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "common/nn/dropout.h"

namespace weft::nn {

struct AttentionShape {
  std::int64_t heads = 1;
  std::vector<std::int64_t> starts;  // N + 1 offsets into T
  std::int64_t key_heads = 0;        // heads of keys and values, each for heads / key_heads queries; 0: heads
  bool causal = false;               // a token sees itself and those before it
  std::int64_t window = 0;           // causal: how many tokens it sees, itself included; 0: all

  std::int64_t number_of_key_heads() const { return key_heads == 0 ? heads : key_heads; }
};

// qkv [T, D + 2K]: query, key, value side by side; bias [D + 2K], or undefined for none. Returns [T, D]. Differentiable
// in qkv; in a bias that asks for a gradient too, by ATen's own operations.
at::Tensor self_attention(const at::Tensor& qkv_TC, const at::Tensor& bias_C, const AttentionShape& shape,
                          const Dropout& dropout);
// One query a sequence, where causal that of its last token: q [N, D], kv [T, 2K]; bias as above. Returns [N, D].
// Differentiable in q and kv.
at::Tensor pooled_attention(const at::Tensor& q_ND, const at::Tensor& kv_T2K, const at::Tensor& bias_C,
                            const AttentionShape& shape, const Dropout& dropout);
// The same in ATen's own operations, on any device and dtype.
at::Tensor self_attention_aten(const at::Tensor& qkv_TC, const at::Tensor& bias_C, const AttentionShape& shape,
                               const Dropout& dropout);
at::Tensor pooled_attention_aten(const at::Tensor& q_ND, const at::Tensor& kv_T2K, const at::Tensor& bias_C,
                                 const AttentionShape& shape, const Dropout& dropout);

}  // namespace weft::nn
