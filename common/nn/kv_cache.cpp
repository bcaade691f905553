// Prompts go through the packed kernel, which shares a key among many queries; single new tokens through one that reads
// each key and value once.
#include "common/nn/kv_cache.h"

#include <ATen/ops/add.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "common/nn/attention_kernel.h"
#include "common/nn/autograd.h"
#include "common/nn/parallel.h"
#include "common/nn/simd.h"

namespace weft::nn {
namespace {

constexpr std::int64_t kPlaceGroup = 64;  // scores that are summed up side by side

// One query of one head. keys [d, stride] and values [places, d] of its key head.
struct Query {
  const float *q, *keys, *values;
  std::int64_t first, end, stride, head_dim;  // the places that it sees
  float* scores;                              // [stride]
  float* out;                                 // [d]
};

struct QueryKernel {
  template <int W>
  static WEFT_INLINE void run(const Query* query) {
    using S = Simd<W>;
    using Vec = typename S::Vec;
    const Query& a = *query;
    const std::int64_t begin = a.first / kPlaceGroup * kPlaceGroup;
    const float scale = 1.0F / std::sqrt(static_cast<float>(a.head_dim));
    Vec tops = S::all(-INFINITY);
    for (std::int64_t place = begin; place < a.end; place += kPlaceGroup) {
      Vec sums[kPlaceGroup / W];
      for (Vec& sum : sums) sum = Vec{};
      for (std::int64_t i = 0; i < a.head_dim; ++i)
        for (std::int64_t v = 0; v < kPlaceGroup / W; ++v)
          sums[v] += S::load(a.keys + i * a.stride + place + v * W) * a.q[i];
      for (std::int64_t v = 0; v < kPlaceGroup / W; ++v) S::store(a.scores + place + v * W, sums[v] * scale);
    }
    const std::int64_t last = (a.end + kPlaceGroup - 1) / kPlaceGroup * kPlaceGroup;
    std::fill(a.scores + begin, a.scores + a.first, -1e30F);
    std::fill(a.scores + a.end, a.scores + last, -1e30F);
    for (std::int64_t place = begin; place < last; place += W) tops = S::max(tops, S::load(a.scores + place));
    const float top = S::largest(tops);
    Vec total{};
    for (std::int64_t place = begin; place < last; place += W) {
      const Vec e = S::exp(S::load(a.scores + place) - top);
      total += e;
      S::store(a.scores + place, e);
    }
    weigh_values<W>(a, 1.0F / S::sum(total));
  }

  template <int W>
  static WEFT_INLINE void weigh_values(const Query& a, float share) {
    using S = Simd<W>;
    for (std::int64_t i = 0; i < a.head_dim; i += 16) {
      typename S::Vec sums[16 / W];
      for (auto& sum : sums) sum = typename S::Vec{};
      for (std::int64_t place = a.first; place < a.end; ++place)
        for (std::int64_t v = 0; v < 16 / W; ++v)
          sums[v] += S::load(a.values + place * a.head_dim + i + v * W) * a.scores[place];
      for (std::int64_t v = 0; v < 16 / W; ++v) S::store(a.out + i + v * W, sums[v] * share);
    }
  }
};

struct Parts {
  at::Tensor q_THd, k_TGd, v_TGd;
};

Parts parts_of(const at::Tensor& qkv, const AttentionShape& shape) {
  const std::int64_t heads = shape.heads, key_heads = shape.number_of_key_heads();
  const at::Tensor all = qkv.view({qkv.size(0), heads + 2 * key_heads, -1});
  return {all.narrow(1, 0, heads), all.narrow(1, heads, key_heads), all.narrow(1, heads + key_heads, key_heads)};
}

void store_rows(const Parts& parts, const CachedRows& rows, KvCache& cache) {
  for (std::size_t i = 0; i < rows.slots.size(); ++i) {
    const std::int64_t count = rows.starts[i + 1] - rows.starts[i];
    WEFT_CHECK(rows.past[i] + count <= cache.values_NGLd.size(2), "a sequence outgrew its cache");
    const auto of = [&](const at::Tensor& all_TGd) {
      return all_TGd.narrow(0, rows.starts[i], count).transpose(0, 1);  // [G, count, d]
    };
    cache.keys_NGdL[rows.slots[i]].narrow(2, rows.past[i], count).copy_(of(parts.k_TGd).transpose(1, 2));
    cache.values_NGLd[rows.slots[i]].narrow(1, rows.past[i], count).copy_(of(parts.v_TGd));
  }
}

struct Place {
  std::int64_t slot, position;
};

std::vector<Place> places_of(const CachedRows& rows) {
  std::vector<Place> places;
  for (std::size_t i = 0; i < rows.slots.size(); ++i)
    for (std::int64_t t = rows.starts[i]; t < rows.starts[i + 1]; ++t)
      places.push_back({rows.slots[i], rows.past[i] + t - rows.starts[i]});
  return places;
}

at::Tensor attend_to_cache(const at::Tensor& qkv, const AttentionShape& shape, const CachedRows& rows,
                           const KvCache& cache) {
  const std::int64_t key_heads = shape.number_of_key_heads(), head_dim = cache.values_NGLd.size(3);
  const std::int64_t stride = cache.keys_NGdL.size(3), group = shape.heads / key_heads;
  const std::vector<Place> places = places_of(rows);
  at::Tensor out = at::empty({qkv.size(0), shape.heads * head_dim}, qkv.options());
  const float *q = qkv.const_data_ptr<float>(), *keys = cache.keys_NGdL.const_data_ptr<float>(),
              *values = cache.values_NGLd.const_data_ptr<float>();
  float* to = out.mutable_data_ptr<float>();
  parallel_for(std::ssize(places) * shape.heads, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> scores(static_cast<std::size_t>(stride));
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t row = item / shape.heads, head = item % shape.heads;
      const auto [slot, position] = places[static_cast<std::size_t>(row)];
      const std::int64_t cached = (slot * key_heads + head / group) * head_dim * stride;
      const Query query{.q = q + row * qkv.size(1) + head * head_dim,
                        .keys = keys + cached,
                        .values = values + cached,
                        .first = shape.window > 0 ? std::max<std::int64_t>(0, position - shape.window + 1) : 0,
                        .end = position + 1,
                        .stride = stride,
                        .head_dim = head_dim,
                        .scores = scores.data(),
                        .out = to + row * shape.heads * head_dim + head * head_dim};
      run_kernel<QueryKernel>(&query);
    }
  });
  return out;
}

// Every sequence begins here with more tokens than the other kernel is good for.
bool all_prompts(const CachedRows& rows) {
  for (std::size_t i = 0; i < rows.slots.size(); ++i)
    if (rows.past[i] != 0 || rows.starts[i + 1] - rows.starts[i] < 4) return false;
  return true;
}

}  // namespace

KvCache KvCache::make(std::int64_t sequences, std::int64_t key_heads, std::int64_t head_dim, std::int64_t places,
                      const at::TensorOptions& options) {
  const std::int64_t room = (places + kPlaceGroup - 1) / kPlaceGroup * kPlaceGroup;
  return {at::zeros({sequences, key_heads, head_dim, room}, options),
          at::zeros({sequences, key_heads, room, head_dim}, options)};
}

at::Tensor cached_attention_aten(const at::Tensor& qkv_TC, const at::Tensor& bias_C, const AttentionShape& shape,
                                 const CachedRows& rows, KvCache& cache) {
  const at::Tensor qkv = bias_C.defined() ? at::add(qkv_TC, bias_C) : qkv_TC;
  const Parts parts = parts_of(qkv, shape);
  store_rows(parts, rows, cache);
  const std::int64_t group = shape.heads / shape.number_of_key_heads();
  const double scale = 1.0 / std::sqrt(static_cast<double>(cache.values_NGLd.size(3)));
  std::vector<at::Tensor> outs;
  for (std::size_t i = 0; i < rows.slots.size(); ++i) {
    const std::int64_t count = rows.starts[i + 1] - rows.starts[i], length = rows.past[i] + count;
    const at::Tensor q = parts.q_THd.narrow(0, rows.starts[i], count).transpose(0, 1);  // [H, count, d]
    const at::Tensor keys = cache.keys_NGdL[rows.slots[i]].narrow(2, 0, length).repeat_interleave(group, 0);
    const at::Tensor values = cache.values_NGLd[rows.slots[i]].narrow(1, 0, length).repeat_interleave(group, 0);
    const at::Tensor key = at::arange(length, at::TensorOptions(at::kLong).device(qkv.device()));
    const at::Tensor own = key.narrow(0, rows.past[i], count).unsqueeze(1);
    at::Tensor hidden = key.gt(own);
    if (shape.window > 0) hidden = hidden.logical_or(key.le(own.sub(shape.window)));
    const at::Tensor scores = at::matmul(at::mul(q, scale), keys).masked_fill(hidden, -INFINITY);
    outs.push_back(at::matmul(at::softmax(scores, -1), values).transpose(0, 1).reshape({count, -1}));
  }
  return at::cat(outs, 0);
}

at::Tensor cached_attention(const at::Tensor& qkv_TC, const at::Tensor& bias_C, const AttentionShape& shape,
                            const CachedRows& rows, KvCache& cache) {
  WEFT_CHECK(rows.starts.size() == rows.slots.size() + 1 && rows.past.size() == rows.slots.size() &&
                 rows.starts.back() == qkv_TC.size(0),
             "cached rows do not cover the batch");
  BelowAutograd guard;
  if (!fusable(qkv_TC) || cache.values_NGLd.size(3) % 16 != 0)
    return cached_attention_aten(qkv_TC, bias_C, shape, rows, cache);
  const at::Tensor qkv = bias_C.defined() ? at::add(qkv_TC, bias_C) : qkv_TC;
  store_rows(parts_of(qkv, shape), rows, cache);
  if (!all_prompts(rows)) return attend_to_cache(qkv, shape, rows, cache);
  AttentionShape packed = shape;
  packed.causal = true;
  packed.starts = rows.starts;
  return self_attention(qkv.detach(), {}, packed, {});
}

}  // namespace weft::nn
