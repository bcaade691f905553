// Packed attention in ATen's own differentiable operations: gather into padded rows, attend, gather back. For devices
// and dtypes without the fused kernel, and what the fused kernel is tested against. Masks are the same bits.
#include <ATen/ops/add.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "common/nn/attention.h"
#include "common/nn/attention_kernel.h"
#include "common/nn/philox_simd.h"

namespace weft::nn {
namespace {

// Padded place (n, i) holds row `gather[n·longest + i]` of the packed tensor; packed row t is at place scatter[t].
struct Padding {
  std::int64_t sequences, longest = 0;
  at::Tensor gather, scatter;
  at::Tensor hidden;  // bool [N, 1, queries or 1, longest]: keys that a query does not see

  Padding(const AttentionShape& shape, bool one_query, at::Device device)
      : sequences(static_cast<std::int64_t>(shape.starts.size()) - 1) {
    std::vector<std::int64_t> lengths, from, to;
    for (std::size_t n = 0; n + 1 < shape.starts.size(); ++n) lengths.push_back(shape.starts[n + 1] - shape.starts[n]);
    for (const std::int64_t length : lengths) longest = std::max(longest, length);
    from.assign(static_cast<std::size_t>(sequences * longest), 0);
    for (std::int64_t n = 0; n < sequences; ++n)
      for (std::int64_t i = 0; i < lengths[static_cast<std::size_t>(n)]; ++i) {
        from[static_cast<std::size_t>(n * longest + i)] = shape.starts[static_cast<std::size_t>(n)] + i;
        to.push_back(n * longest + i);
      }
    gather = at::tensor(from, at::kLong).to(device);
    scatter = at::tensor(to, at::kLong).to(device);
    const at::Tensor length = at::tensor(lengths, at::kLong).to(device).view({sequences, 1, 1, 1});
    const at::Tensor key = at::arange(longest, length.options());
    hidden = key.ge(length);
    if (!shape.causal) return;
    // Rows past a sequence's end see what its last token sees: they are dropped, but must stay finite.
    const at::Tensor last = length.sub(1);
    const at::Tensor own = one_query ? last : at::minimum(key.view({1, 1, longest, 1}), last);
    hidden = hidden.logical_or(key.gt(own));
    if (shape.window > 0) hidden = hidden.logical_or(key.le(own.sub(shape.window)));
  }

  // [T, heads · d] to [N, heads, longest, d]
  at::Tensor heads_of(const at::Tensor& rows, std::int64_t heads) const {
    return at::index_select(rows, 0, gather).view({sequences, longest, heads, -1}).transpose(1, 2);
  }
};

// [N, heads, queries, longest]: the fused kernel's draws at padded places.
at::Tensor factors_of(const AttentionShape& shape, const Dropout& dropout, std::int64_t longest, bool one_query) {
  const auto sequences = static_cast<std::int64_t>(shape.starts.size()) - 1;
  at::Tensor factors = at::zeros({sequences, shape.heads, one_query ? 1 : longest, longest}, at::kFloat);
  const std::vector<std::int64_t> first = attention_chunks(shape, one_query);
  for (std::int64_t n = 0; n < sequences; ++n) {
    const auto at_n = static_cast<std::size_t>(n);
    const std::int64_t keys = shape.starts[at_n + 1] - shape.starts[at_n], queries = one_query ? 1 : keys;
    for (std::int64_t head = 0; head < shape.heads; ++head) {
      const std::int64_t chunk = head * first.back() + first[at_n];
      const std::int64_t chunks = first[at_n + 1] - first[at_n];
      const at::Tensor drawn = dropout_factors(dropout, chunks, kDrawsPerChunk, at::kCPU, chunk).flatten();
      for (std::int64_t block = 0; block < keys; block += kKeyBlock) {
        const std::int64_t real = std::min(kKeyBlock, keys - block), width = padded(real);
        const at::Tensor part = drawn.narrow(0, queries * block, queries * width).view({queries, width});
        factors[n][head].narrow(0, 0, queries).narrow(1, block, real).copy_(part.narrow(1, 0, real));
      }
    }
  }
  return factors;
}

// Key heads [N, G, k, d] as often as queries use them.
at::Tensor repeated(const at::Tensor& heads_NGkd, std::int64_t times) {
  return times == 1 ? heads_NGkd : heads_NGkd.repeat_interleave(times, 1);
}

at::Tensor attend(const at::Tensor& q_NHqd, const at::Tensor& k_NGkd, const at::Tensor& v_NGkd, const Padding& padding,
                  const AttentionShape& shape, const Dropout& dropout, bool one_query) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(q_NHqd.size(3)));
  const std::int64_t group = shape.heads / shape.number_of_key_heads();
  const at::Tensor scores = at::matmul(at::mul(q_NHqd, scale), repeated(k_NGkd, group).transpose(2, 3));
  at::Tensor p = at::softmax(scores.masked_fill(padding.hidden, -INFINITY), -1);
  if (dropout.active()) p = at::mul(p, factors_of(shape, dropout, padding.longest, one_query).to(p.options()));
  return at::matmul(p, repeated(v_NGkd, group)).transpose(1, 2);  // [N, queries, H, d]
}

at::Tensor with_bias(const at::Tensor& x, const at::Tensor& bias_C, std::int64_t first_column) {
  return bias_C.defined() ? at::add(x, bias_C.narrow(0, first_column, x.size(1))) : x;
}

}  // namespace

at::Tensor self_attention_aten(const at::Tensor& qkv_TC, const at::Tensor& bias_C, const AttentionShape& shape,
                               const Dropout& dropout) {
  const std::int64_t key_heads = shape.number_of_key_heads();
  const std::int64_t head_dim = qkv_TC.size(1) / (shape.heads + 2 * key_heads);
  const std::int64_t width = shape.heads * head_dim, key_width = key_heads * head_dim;
  const Padding padding(shape, /*one_query=*/false, qkv_TC.device());
  const at::Tensor qkv = with_bias(qkv_TC, bias_C, 0);
  const at::Tensor out = attend(padding.heads_of(qkv.narrow(1, 0, width), shape.heads),
                                padding.heads_of(qkv.narrow(1, width, key_width), key_heads),
                                padding.heads_of(qkv.narrow(1, width + key_width, key_width), key_heads), padding,
                                shape, dropout, /*one_query=*/false);
  return at::index_select(out.reshape({padding.sequences * padding.longest, width}), 0, padding.scatter);
}

at::Tensor pooled_attention_aten(const at::Tensor& q_ND, const at::Tensor& kv_T2K, const at::Tensor& bias_C,
                                 const AttentionShape& shape, const Dropout& dropout) {
  const std::int64_t width = q_ND.size(1), key_heads = shape.number_of_key_heads(), key_width = kv_T2K.size(1) / 2;
  const Padding padding(shape, /*one_query=*/true, q_ND.device());
  const at::Tensor q = with_bias(q_ND, bias_C, 0).view({q_ND.size(0), 1, shape.heads, -1});
  const at::Tensor kv = with_bias(kv_T2K, bias_C, width);
  const at::Tensor out = attend(q.transpose(1, 2), padding.heads_of(kv.narrow(1, 0, key_width), key_heads),
                                padding.heads_of(kv.narrow(1, key_width, key_width), key_heads), padding, shape,
                                dropout, /*one_query=*/true);
  return out.reshape({q_ND.size(0), width});
}

}  // namespace weft::nn
