// Causal attention, grouped queries, sliding windows and the key-value cache against a plain implementation with a full
// mask: values and gradients, over lengths that end before, on and after the kernel's blocks.
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>

#include <cmath>

#include "common/base/rng.h"
#include "common/nn/attention.h"
#include "common/nn/kv_cache.h"
#include "tests/nn/nn_support.h"

namespace weft::nn {
namespace {

struct Case {
  std::int64_t heads, key_heads, head_dim, window;
  bool causal = true;
};

AttentionShape shape_of(const Case& c, std::vector<std::int64_t> starts) {
  return {
      .heads = c.heads, .starts = std::move(starts), .key_heads = c.key_heads, .causal = c.causal, .window = c.window};
}

// One sequence, head by head, with an explicit mask.
at::Tensor naive(const at::Tensor& qkv, const Case& c) {
  const std::int64_t length = qkv.size(0), d = c.head_dim;
  const at::Tensor key = at::arange(length), own = key.unsqueeze(1);
  at::Tensor hidden = c.causal ? key.gt(own) : key.lt(0).expand({length, length});
  if (c.window > 0) hidden = hidden.logical_or(own.sub(key).ge(c.window));
  std::vector<at::Tensor> heads;
  for (std::int64_t h = 0; h < c.heads; ++h) {
    const std::int64_t g = h / (c.heads / c.key_heads);
    const at::Tensor q = qkv.narrow(1, h * d, d), k = qkv.narrow(1, (c.heads + g) * d, d),
                     v = qkv.narrow(1, (c.heads + c.key_heads + g) * d, d);
    const at::Tensor scores = at::matmul(q, k.t()).div(std::sqrt(static_cast<double>(d)));
    heads.push_back(at::matmul(at::softmax(scores.masked_fill(hidden, -INFINITY), -1), v));
  }
  return at::cat(heads, 1);
}

at::Tensor naive_packed(const at::Tensor& qkv, const Case& c, const std::vector<std::int64_t>& starts) {
  std::vector<at::Tensor> parts;
  for (std::size_t n = 0; n + 1 < starts.size(); ++n)
    parts.push_back(naive(qkv.narrow(0, starts[n], starts[n + 1] - starts[n]), c));
  return at::cat(parts, 0);
}

const std::vector<std::int64_t> kStarts{0, 1, 4, 20, 84, 149, 405, 662, 1262};
const std::vector<Case> kCases{{.heads = 2, .key_heads = 2, .head_dim = 16, .window = 0},
                               {.heads = 6, .key_heads = 2, .head_dim = 32, .window = 0},
                               {.heads = 4, .key_heads = 1, .head_dim = 12, .window = 0},
                               {.heads = 3, .key_heads = 1, .head_dim = 16, .window = 1},
                               {.heads = 4, .key_heads = 2, .head_dim = 16, .window = 70},
                               {.heads = 2, .key_heads = 1, .head_dim = 16, .window = 300},
                               {.heads = 4, .key_heads = 2, .head_dim = 16, .window = 0, .causal = false}};

TEST(CausalAttentionTest, EqualsANaiveMask) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(std::to_string(c.heads) + " heads, window " + std::to_string(c.window));
    const at::Tensor qkv = at::randn({kStarts.back(), (c.heads + 2 * c.key_heads) * c.head_dim});
    const AttentionShape shape = shape_of(c, kStarts);
    const auto plain = differentiate({qkv}, [&](const auto& in) { return naive_packed(in[0], c, kStarts); });
    expect_same(differentiate({qkv}, [&](const auto& in) { return self_attention(in[0], {}, shape, {}); }), plain);
    expect_same(differentiate({qkv}, [&](const auto& in) { return self_attention_aten(in[0], {}, shape, {}); }), plain);
  }
}

TEST(CausalAttentionTest, DropsTheSameAsATenWithBiasAcrossBlocks) {
  RngStream rng = Rng(5).stream("causal");
  for (const Case& c : kCases) {
    const std::vector<std::int64_t> starts{0, 5, 305, 905};
    const std::int64_t columns = (c.heads + 2 * c.key_heads) * c.head_dim;
    const at::Tensor qkv = at::randn({starts.back(), columns}), bias = at::randn({columns});
    const AttentionShape shape = shape_of(c, starts);
    const Dropout dropout = Dropout::draw(&rng, 0.2);
    expect_same(differentiate({qkv}, [&](const auto& in) { return self_attention(in[0], bias, shape, dropout); }),
                differentiate({qkv}, [&](const auto& in) { return self_attention_aten(in[0], bias, shape, dropout); }),
                5e-5);
  }
}

TEST(CausalAttentionTest, APackedSequenceIsAsAlone) {
  const Case c{.heads = 6, .key_heads = 2, .head_dim = 16, .window = 40};
  const at::Tensor qkv = at::randn({kStarts.back(), 10 * 16});
  const at::Tensor together = self_attention(qkv, {}, shape_of(c, kStarts), {});
  for (std::size_t n = 0; n + 1 < kStarts.size(); ++n) {
    const std::int64_t length = kStarts[n + 1] - kStarts[n];
    const at::Tensor alone =
        self_attention(qkv.narrow(0, kStarts[n], length).contiguous(), {}, shape_of(c, {0, length}), {});
    EXPECT_EQ(difference(alone, together.narrow(0, kStarts[n], length)), 0) << "sequence " << n;
  }
}

TEST(CausalAttentionTest, PooledIsTheLastToken) {
  for (const Case& c : kCases) {
    if (!c.causal) continue;
    const std::int64_t width = c.heads * c.head_dim, keys = 2 * c.key_heads * c.head_dim;
    const at::Tensor qkv = at::randn({kStarts.back(), width + keys});
    const AttentionShape shape = shape_of(c, kStarts);
    const at::Tensor last = at::tensor(std::vector<std::int64_t>(kStarts.begin() + 1, kStarts.end()), at::kLong).sub(1);
    const auto pooled = [&](auto function) {
      return differentiate({qkv}, [&](const auto& in) {
        return function(in[0].narrow(1, 0, width).index_select(0, last), in[0].narrow(1, width, keys).contiguous());
      });
    };
    const auto all =
        differentiate({qkv}, [&](const auto& in) { return naive_packed(in[0], c, kStarts).index_select(0, last); });
    expect_same(pooled([&](const auto& q, const auto& kv) { return pooled_attention(q, kv, {}, shape, {}); }), all);
    expect_same(pooled([&](const auto& q, const auto& kv) { return pooled_attention_aten(q, kv, {}, shape, {}); }),
                all);
  }
}

using CachedFunction = at::Tensor (*)(const at::Tensor&, const at::Tensor&, const AttentionShape&, const CachedRows&,
                                      KvCache&);

// Three sequences whose tokens arrive in several portions.
void expect_cached_equals_whole(const Case& c, CachedFunction function) {
  const std::vector<std::int64_t> starts{0, 9, 100, 103}, order{2, 0, 1};
  const std::int64_t columns = (c.heads + 2 * c.key_heads) * c.head_dim;
  const at::Tensor qkv = at::randn({starts.back(), columns}), bias = at::randn({columns});
  const at::Tensor expected = naive_packed(qkv.add(bias), c, starts);
  KvCache cache = KvCache::make(3, c.key_heads, c.head_dim, 91, qkv.options());
  const AttentionShape shape = shape_of(c, {});
  std::vector<std::int64_t> done(3, 0);
  for (const std::int64_t portion : {6, 1, 1, 40, 5, 1, 100}) {
    CachedRows rows{.starts = {0}, .slots = {}, .past = {}};
    std::vector<at::Tensor> in, out;
    for (const std::int64_t n : order) {
      const auto at_n = static_cast<std::size_t>(n);
      const std::int64_t count = std::min(portion, starts[at_n + 1] - starts[at_n] - done[at_n]);
      if (count == 0) continue;
      rows.slots.push_back(n);
      rows.past.push_back(done[at_n]);
      rows.starts.push_back(rows.starts.back() + count);
      in.push_back(qkv.narrow(0, starts[at_n] + done[at_n], count));
      out.push_back(expected.narrow(0, starts[at_n] + done[at_n], count));
      done[at_n] += count;
    }
    EXPECT_LT(relative(function(at::cat(in, 0), bias, shape, rows, cache), at::cat(out, 0)), 2e-5);
  }
}

TEST(KvCacheTest, NewTokensSeeWhatTheWholeSequenceWould) {
  for (const Case& c : kCases) {
    if (!c.causal) continue;
    SCOPED_TRACE(std::to_string(c.heads) + " heads, window " + std::to_string(c.window));
    expect_cached_equals_whole(c, &cached_attention);
    expect_cached_equals_whole(c, &cached_attention_aten);
  }
}

}  // namespace
}  // namespace weft::nn
