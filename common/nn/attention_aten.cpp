// Packed attention in ATen's own differentiable operations: gather into padded rows, attend, gather back. For devices
// and dtypes without the fused kernel, and what the fused kernel is tested against. Masks are the same bits.
#include <ATen/ops/add.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/softmax.h>

#include <cmath>

#include "common/nn/attention.h"
#include "common/nn/attention_kernel.h"
#include "common/nn/host_copy.h"
#include "common/nn/philox_simd.h"

namespace weft::nn {
namespace {

// Padded place (n, i) holds row `gather[n·longest + i]` of the packed tensor; packed row t is at place scatter[t].
struct Padding {
  std::int64_t sequences, longest = 0, chunks;  // chunks: of draws, a head
  at::Tensor gather, scatter;
  at::Tensor length, first_draw;  // [N, 1]: tokens, and where a sequence's draws start in those of a head
  at::Tensor hidden;              // bool [N, 1, queries or 1, longest]: keys that a query does not see

  Padding(const AttentionShape& shape, bool one_query, at::Device device)
      : sequences(static_cast<std::int64_t>(shape.starts.size()) - 1) {
    send_places(shape, attention_chunks(shape, one_query), device);
    hide_keys(shape, one_query);
  }

  // gather, scatter, length and first_draw, in one copy.
  void send_places(const AttentionShape& shape, const std::vector<std::int64_t>& first_chunk, at::Device device) {
    const std::vector<std::int64_t>& starts = shape.starts;
    for (std::size_t n = 0; n + 1 < starts.size(); ++n) longest = std::max(longest, starts[n + 1] - starts[n]);
    chunks = first_chunk.back();
    std::vector<std::int64_t> values(static_cast<std::size_t>(sequences * longest), 0);
    for (std::int64_t n = 0, t = 0; n < sequences; ++n)
      for (std::int64_t place = n * longest; t < starts[static_cast<std::size_t>(n) + 1]; ++t, ++place) {
        values[static_cast<std::size_t>(place)] = t;
        values.push_back(place);
      }
    for (std::size_t n = 0; n + 1 < starts.size(); ++n) values.push_back(starts[n + 1] - starts[n]);
    for (std::size_t n = 0; n + 1 < starts.size(); ++n) values.push_back(first_chunk[n] * kDrawsPerChunk);
    const std::vector<at::Tensor> parts =
        sent(values, device).split_with_sizes({sequences * longest, starts.back(), sequences, sequences});
    gather = parts[0];
    scatter = parts[1];
    length = parts[2].unsqueeze(1);
    first_draw = parts[3].unsqueeze(1);
  }

  void hide_keys(const AttentionShape& shape, bool one_query) {
    const at::Tensor key = at::arange(longest, length.options()), length_N111 = length.view({-1, 1, 1, 1});
    hidden = key.ge(length_N111);
    if (!shape.causal) return;
    // Rows past a sequence's end see what its last token sees: they are dropped, but must stay finite.
    const at::Tensor last = length_N111.sub(1);
    const at::Tensor own = one_query ? last : at::minimum(key.view({1, 1, longest, 1}), last);
    hidden = hidden.logical_or(key.gt(own));
    if (shape.window > 0) hidden = hidden.logical_or(key.le(own.sub(shape.window)));
  }

  // [T, heads · d] to [N, heads, longest, d]
  at::Tensor heads_of(const at::Tensor& rows, std::int64_t heads) const {
    return at::index_select(rows, 0, gather).view({sequences, longest, heads, -1}).transpose(1, 2);
  }
};

// [N, heads, queries, longest]: the fused kernel's draws at padded places; any draws where no query or no key is.
at::Tensor factors_of(const AttentionShape& shape, const Dropout& dropout, const Padding& padding, bool one_query) {
  const std::int64_t draws = padding.chunks * kDrawsPerChunk;
  const at::Tensor factors =
      dropout_factors(dropout, shape.heads * padding.chunks, kDrawsPerChunk, padding.length.device());
  // As attention_chunks() orders them: a key's block, the block's width, and with it where each row of it starts.
  const at::Tensor key = at::arange(padding.longest, padding.length.options());
  const at::Tensor in_block = key.remainder(kKeyBlock), block = key.sub(in_block);
  const at::Tensor width = padding.length.sub(block).clamp_max_(kKeyBlock).add_(15).bitwise_and_(~15);  // padded()
  at::Tensor place = padding.first_draw.add(in_block);
  if (one_query)
    place = place.add_(block).unsqueeze(1);
  else
    place = at::addcmul(place.addcmul_(padding.length, block).unsqueeze(1), key.unsqueeze(1), width.unsqueeze(1));
  place.clamp_(0, draws - 1);
  return at::index_select(factors.view({shape.heads, draws}), 1, place.flatten())
      .view({shape.heads, padding.sequences, -1, padding.longest})
      .transpose(0, 1);
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
  if (dropout.active()) p = at::mul(p, factors_of(shape, dropout, padding, one_query).to(p.options()));
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
