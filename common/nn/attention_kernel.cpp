// Scores, softmax and products of one head of one sequence live in a thread's own scratch, a block of query rows at a
// time, so the second-level cache holds all of it. Letters: q query rows of a block · k key rows · d head dimension,
// the last two padded to 16.
#include "common/nn/attention_kernel.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>

#include "common/nn/parallel.h"
#include "common/nn/philox_simd.h"
#include "common/nn/small_gemm.h"

namespace weft::nn {
namespace {

constexpr std::int64_t kBlockRows = 64;  // a multiple of 8, so that a block's draws start with a chunk

struct Scratch {
  float *q_qd, *k_dk, *k_kd, *v_kd, *v_dk, *do_qd, *s_qk, *p_qk, *acc_qd, *dk_kd, *dv_kd;
  std::uint16_t* draws;
  at::Tensor memory;

  Scratch(std::int64_t keys, std::int64_t depth) {
    const std::int64_t rows = kBlockRows * depth, all = padded(keys) * depth, square = kBlockRows * padded(keys);
    memory = at::empty({3 * rows + 6 * all + 2 * square + square / 2 + kDrawsPerChunk}, at::kFloat);
    float* next = memory.mutable_data_ptr<float>();
    const auto take = [&next](std::int64_t count) { return std::exchange(next, next + count); };
    q_qd = take(rows), do_qd = take(rows), acc_qd = take(rows);
    k_dk = take(all), k_kd = take(all), v_kd = take(all), v_dk = take(all), dk_kd = take(all), dv_kd = take(all);
    s_qk = take(square), p_qk = take(square);
    draws = reinterpret_cast<std::uint16_t*>(next);
  }
};

// One head of one sequence.
struct Item {
  std::int64_t head, sequence, queries, keys, query_row, key_row, head_dim;
  std::int64_t depth() const { return padded(head_dim); }
};

Item item_at(const AttentionProblem& p, std::int64_t index) {
  const std::int64_t n = index % p.sequences();
  const std::int64_t start = p.shape->starts[static_cast<std::size_t>(n)];
  const std::int64_t length = p.shape->starts[static_cast<std::size_t>(n) + 1] - start;
  return {index / p.sequences(), n, p.one_query ? 1 : length, length, p.one_query ? n : start, start, p.head_dim};
}

// to [rows, depth] = (from + bias)·scale, padded with zeros.
WEFT_INLINE void load_rows(const float* from, std::int64_t stride, const float* bias, float scale, std::int64_t rows,
                           std::int64_t head_dim, std::int64_t depth, float* to) {
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t i = 0; i < head_dim; ++i) to[row * depth + i] = (from[row * stride + i] + bias[i]) * scale;
    for (std::int64_t i = head_dim; i < depth; ++i) to[row * depth + i] = 0;
  }
}

// to [depth, padded rows] = fromᵀ, padded with zeros.
WEFT_INLINE void transpose(const float* from, std::int64_t rows, std::int64_t depth, float* to) {
  const std::int64_t width = padded(rows);
  for (std::int64_t i = 0; i < depth; ++i) {
    for (std::int64_t row = 0; row < rows; ++row) to[i * width + row] = from[row * depth + i];
    for (std::int64_t row = rows; row < width; ++row) to[i * width + row] = 0;
  }
}

WEFT_INLINE void hide_padding(float* s_qk, std::int64_t rows, std::int64_t keys) {
  const std::int64_t width = padded(keys);
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t j = keys; j < width; ++j) s_qk[row * width + j] = -1e30F;
}

template <int W>
WEFT_INLINE void draw_block(const AttentionProblem& p, const Item& item, std::int64_t first_row, std::int64_t rows,
                            std::uint16_t* draws) {
  const std::int64_t width = padded(item.keys);
  const std::int64_t first = item.head * p.first_chunk.back() + p.first_chunk[static_cast<std::size_t>(item.sequence)] +
                             first_row * width / kDrawsPerChunk;
  draw_chunks<W>(p.dropout.key, static_cast<std::uint64_t>(first), chunks_per_row(rows * width), draws);
}

struct ForwardKernel {
  template <int W>
  static WEFT_INLINE void run(const AttentionProblem* problem, Scratch* scratch, std::int64_t index, float* out,
                              float* log_sum_exp) {
    const AttentionProblem& p = *problem;
    Scratch& m = *scratch;
    const Item item = item_at(p, index);
    const std::int64_t column = item.head * p.head_dim, depth = item.depth(), width = padded(item.keys);
    load_rows(p.k + item.key_row * p.kv_stride + column, p.kv_stride, p.k_bias + column, 1, item.keys, p.head_dim,
              depth, m.k_kd);
    load_rows(p.v + item.key_row * p.kv_stride + column, p.kv_stride, p.v_bias + column, 1, item.keys, p.head_dim,
              depth, m.v_kd);
    transpose(m.k_kd, item.keys, depth, m.k_dk);
    const float scale = 1.0F / std::sqrt(static_cast<float>(p.head_dim));
    const std::int64_t all_queries = p.one_query ? p.sequences() : p.shape->starts.back();
    for (std::int64_t first = 0; first < item.queries; first += kBlockRows) {
      const std::int64_t rows = std::min(kBlockRows, item.queries - first), row0 = item.query_row + first;
      load_rows(p.q + row0 * p.q_stride + column, p.q_stride, p.q_bias + column, scale, rows, p.head_dim, depth,
                m.q_qd);
      small_gemm<W>(rows, width, depth, {m.q_qd, depth, 1}, m.k_dk, width, m.s_qk, width, false);
      hide_padding(m.s_qk, rows, item.keys);
      if (p.dropout.active()) draw_block<W>(p, item, first, rows, m.draws);
      for (std::int64_t row = 0; row < rows; ++row)
        log_sum_exp[item.head * all_queries + row0 + row] =
            softmax_row<W>(m.s_qk + row * width, width, m.draws + row * width, p.dropout);
      small_gemm<W>(rows, depth, item.keys, {m.s_qk, width, 1}, m.v_kd, depth, m.acc_qd, depth, false);
      for (std::int64_t row = 0; row < rows; ++row)
        for (std::int64_t i = 0; i < p.head_dim; ++i)
          out[(row0 + row) * p.width() + column + i] = m.acc_qd[row * depth + i];
    }
  }

  // s becomes softmax(s) with dropout; returns log Σ e^s.
  template <int W>
  static WEFT_INLINE float softmax_row(float* s, std::int64_t width, const std::uint16_t* draws,
                                       const Dropout& dropout) {
    using S = Simd<W>;
    typename S::Vec top = S::load(s), sum{};
    for (std::int64_t j = W; j < width; j += W) top = S::max(top, S::load(s + j));
    const float largest = S::largest(top);
    for (std::int64_t j = 0; j < width; j += W) {
      const typename S::Vec e = S::exp(S::load(s + j) - largest);
      sum += e;
      S::store(s + j, e);
    }
    const float total = S::sum(sum), inverse = 1.0F / total;
    const auto threshold = static_cast<std::int32_t>(dropout.threshold);
    for (std::int64_t j = 0; j < width; j += W)
      S::store(s + j, S::load(s + j) * (threshold == 0 ? S::all(inverse)
                                                       : S::factors(draws + j, threshold, inverse * dropout.scale)));
    return largest + std::log(total);
  }
};

struct BackwardKernel {
  template <int W>
  static WEFT_INLINE void run(const AttentionProblem* problem, Scratch* scratch, std::int64_t index,
                              const AttentionGradients* gradients) {
    const AttentionProblem& p = *problem;
    const AttentionGradients& g = *gradients;
    Scratch& m = *scratch;
    const Item item = item_at(p, index);
    const std::int64_t column = item.head * p.head_dim, depth = item.depth(), width = padded(item.keys);
    const std::int64_t keys = item.key_row * p.kv_stride + column;
    load_rows(p.k + keys, p.kv_stride, p.k_bias + column, 1, item.keys, p.head_dim, depth, m.k_kd);
    load_rows(p.v + keys, p.kv_stride, p.v_bias + column, 1, item.keys, p.head_dim, depth, m.v_kd);
    transpose(m.k_kd, item.keys, depth, m.k_dk);
    transpose(m.v_kd, item.keys, depth, m.v_dk);
    const float scale = 1.0F / std::sqrt(static_cast<float>(p.head_dim));
    for (std::int64_t first = 0; first < item.queries; first += kBlockRows) {
      const std::int64_t rows = std::min(kBlockRows, item.queries - first), row0 = item.query_row + first;
      load_rows(p.q + row0 * p.q_stride + column, p.q_stride, p.q_bias + column, scale, rows, p.head_dim, depth,
                m.q_qd);
      load_gradient(g.dout + row0 * p.width() + column, p.width(), rows, p.head_dim, depth, m.do_qd);
      small_gemm<W>(rows, width, depth, {m.q_qd, depth, 1}, m.k_dk, width, m.s_qk, width, false);
      small_gemm<W>(rows, width, depth, {m.do_qd, depth, 1}, m.v_dk, width, m.p_qk, width, false);
      hide_padding(m.s_qk, rows, item.keys);
      if (p.dropout.active()) draw_block<W>(p, item, first, rows, m.draws);
      softmax_gradient<W>(p, g, item, row0, rows, m);
      const bool more = first > 0;
      small_gemm<W>(item.keys, depth, rows, {m.p_qk, 1, width}, m.do_qd, depth, m.dv_kd, depth, more);
      small_gemm<W>(item.keys, depth, rows, {m.s_qk, 1, width}, m.q_qd, depth, m.dk_kd, depth, more);
      small_gemm<W>(rows, depth, item.keys, {m.s_qk, width, 1}, m.k_kd, depth, m.acc_qd, depth, false);
      store_rows(m.acc_qd, depth, rows, p.head_dim, scale, g.dq + row0 * p.q_stride + column, p.q_stride);
    }
    store_rows(m.dk_kd, depth, item.keys, p.head_dim, 1, g.dk + keys, p.kv_stride);
    store_rows(m.dv_kd, depth, item.keys, p.head_dim, 1, g.dv + keys, p.kv_stride);
  }

  static WEFT_INLINE void load_gradient(const float* from, std::int64_t stride, std::int64_t rows,
                                        std::int64_t head_dim, std::int64_t depth, float* to) {
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t i = 0; i < head_dim; ++i) to[row * depth + i] = from[row * stride + i];
      for (std::int64_t i = head_dim; i < depth; ++i) to[row * depth + i] = 0;
    }
  }

  static WEFT_INLINE void store_rows(const float* from, std::int64_t depth, std::int64_t rows, std::int64_t head_dim,
                                     float scale, float* to, std::int64_t stride) {
    for (std::int64_t row = 0; row < rows; ++row)
      for (std::int64_t i = 0; i < head_dim; ++i) to[row * stride + i] = from[row * depth + i] * scale;
  }

  // s: scores to their gradient P∘(f∘dP − δ); p: dP to the dropped probabilities P∘f. δ = dO·O of the row.
  template <int W>
  static WEFT_INLINE void softmax_gradient(const AttentionProblem& p, const AttentionGradients& g, const Item& item,
                                           std::int64_t row0, std::int64_t rows, Scratch& m) {
    using S = Simd<W>;
    using Vec = typename S::Vec;
    const std::int64_t width = padded(item.keys), column = item.head * p.head_dim, depth = item.depth();
    const std::int64_t all_queries = p.one_query ? p.sequences() : p.shape->starts.back();
    const auto threshold = static_cast<std::int32_t>(p.dropout.threshold);
    for (std::int64_t row = 0; row < rows; ++row) {
      const float* out = g.out + (row0 + row) * p.width() + column;
      float delta = 0;
      for (std::int64_t i = 0; i < p.head_dim; ++i) delta += m.do_qd[row * depth + i] * out[i];
      const float level = g.log_sum_exp[item.head * all_queries + row0 + row];
      float *s = m.s_qk + row * width, *dp = m.p_qk + row * width;
      for (std::int64_t j = 0; j < width; j += W) {
        const Vec probability = S::exp(S::load(s + j) - level);
        const Vec factor =
            threshold == 0 ? S::all(1.0F) : S::factors(m.draws + row * width + j, threshold, p.dropout.scale);
        S::store(s + j, probability * (factor * S::load(dp + j) - delta));
        S::store(dp + j, probability * factor);
      }
    }
  }
};

std::int64_t longest(const AttentionProblem& p) {
  std::int64_t length = 0;
  for (std::size_t n = 0; n + 1 < p.shape->starts.size(); ++n)
    length = std::max(length, p.shape->starts[n + 1] - p.shape->starts[n]);
  return length;
}

// Threads share the heads, so their parts are equal however unequal the sequences are; one sequence after the other, so
// that its rows stay in the cache for all heads of a thread.
template <class Function>
void for_each_item(const AttentionProblem& problem, Function&& function) {
  const std::int64_t sequences = problem.sequences();
  parallel_for(problem.heads, 1, [&](std::int64_t begin, std::int64_t end) {
    Scratch scratch(longest(problem), padded(problem.head_dim));
    for (std::int64_t n = 0; n < sequences; ++n)
      for (std::int64_t head = begin; head < end; ++head) function(scratch, head * sequences + n);
  });
}

}  // namespace

std::vector<std::int64_t> attention_chunks(const AttentionShape& shape, bool one_query) {
  std::vector<std::int64_t> first{0};
  for (std::size_t n = 0; n + 1 < shape.starts.size(); ++n) {
    const std::int64_t length = shape.starts[n + 1] - shape.starts[n];
    first.push_back(first.back() + chunks_per_row((one_query ? 1 : length) * padded(length)));
  }
  return first;
}

void attention_forward(const AttentionProblem& problem, float* out, float* log_sum_exp) {
  for_each_item(problem, [&](Scratch& scratch, std::int64_t index) {
    run_kernel<ForwardKernel>(&problem, &scratch, index, out, log_sum_exp);
  });
}

void attention_backward(const AttentionProblem& problem, const AttentionGradients& gradients) {
  for_each_item(problem, [&](Scratch& scratch, std::int64_t index) {
    run_kernel<BackwardKernel>(&problem, &scratch, index, &gradients);
  });
}

}  // namespace weft::nn
