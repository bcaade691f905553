// Attention of new tokens to all before them, whose keys and values are kept: what makes generation cost one token's
// work a token. Several sequences at once, each at its own place.
// Suffixes: T new tokens, packed · N cached sequences · H query heads · G key heads · d head dimension · L places.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "common/nn/attention.h"

namespace weft::nn {

// One layer's keys and values. Keys lie with places innermost, so that scores of consecutive places are one vector.
struct KvCache {
  at::Tensor keys_NGdL, values_NGLd;
  // Room for `places` tokens, rounded up, of each sequence.
  static KvCache make(std::int64_t sequences, std::int64_t key_heads, std::int64_t head_dim, std::int64_t places,
                      const at::TensorOptions& options);
};

// New token t of the i-th sequence of the batch, rows starts[i]..starts[i+1], comes after past[i] tokens of the cached
// sequence slots[i].
struct CachedRows {
  std::vector<std::int64_t> starts, slots, past;
};

// Adds the keys and values of qkv [T, (H + 2G)·d] to the cache and returns what its queries attend to, [T, H·d]: always
// causal, with the shape's window. bias as in self_attention. Not differentiable.
at::Tensor cached_attention(const at::Tensor& qkv_TC, const at::Tensor& bias_C, const AttentionShape& shape,
                            const CachedRows& rows, KvCache& cache);
// The same in ATen's own operations, on any device and dtype.
at::Tensor cached_attention_aten(const at::Tensor& qkv_TC, const at::Tensor& bias_C, const AttentionShape& shape,
                                 const CachedRows& rows, KvCache& cache);

}  // namespace weft::nn
