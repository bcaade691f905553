// Forward and backward pass of one item, and the items' way to the threads.
#include "common/nn/attention_kernel.h"

#include <algorithm>
#include <cmath>

#include "common/nn/attention_blocks.h"
#include "common/nn/parallel.h"

namespace weft::nn {
namespace attention {
namespace {

struct ForwardKernel {
  template <int W>
  static WEFT_INLINE void run(const AttentionProblem* problem, Scratch* scratch, std::int64_t index, float* out,
                              float* log_sum_exp) {
    const AttentionProblem& p = *problem;
    Scratch& m = *scratch;
    const Item item = item_at(p, index);
    load_keys(p, item, m);
    const std::int64_t group = p.heads / p.key_heads, depth = item.depth();
    const std::int64_t all_queries = p.one_query ? p.sequences() : p.shape->starts.back();
    for (std::int64_t head = item.key_head * group; head < (item.key_head + 1) * group; ++head)
      for (std::int64_t row = 0; row < item.queries; row += kQueryBlock) {
        const std::int64_t rows = std::min(kQueryBlock, item.queries - row), row0 = item.query_row + row;
        load_queries(p, item, head, row, rows, m);
        for_each_meeting(
            item, row, [&](const Meeting& at, bool first) __attribute__((always_inline)) {
              product<W>(at, m.q_qd, m.k_dk, depth, m.s_qk);
              hide(item, at, m.s_qk);
              if (p.dropout.active()) draw_block<W>(p, item, head, at, m.draws);
              for (std::int64_t i = 0; i < rows; ++i) softmax_row<W>(at, i, first, depth, m, p.dropout);
              small_gemm<W>(rows, depth, at.real, {m.s_qk + at.begin, at.width, 1},
                            m.v_kd + (at.block + at.begin) * depth, depth, m.acc_qd, depth, !first);
            });
        for (std::int64_t i = 0; i < rows; ++i) {
          store_rows(m.acc_qd + i * depth, depth, 1, p.head_dim, 1.0F / m.sum_q[i],
                     out + (row0 + i) * p.width() + head * p.head_dim, 0);
          log_sum_exp[head * all_queries + row0 + i] = m.top_q[i] + std::log(m.sum_q[i]);
        }
      }
  }

  // Scores become e^(s − top) with dropout, for the largest score so far; what was summed up before follows it.
  template <int W>
  static WEFT_INLINE void softmax_row(const Meeting& at, std::int64_t row, bool first, std::int64_t depth, Scratch& m,
                                      const Dropout& dropout) {
    using S = Simd<W>;
    using Vec = typename S::Vec;
    float* s = m.s_qk + row * at.width;
    const std::uint16_t* draws = m.draws + row * at.width;
    Vec tops = S::load(s + at.begin), sum{};
    for (std::int64_t j = at.begin + W; j < at.end; j += W) tops = S::max(tops, S::load(s + j));
    const float here = S::largest(tops), top = first ? here : std::max(m.top_q[row], here);
    const auto threshold = static_cast<std::int32_t>(dropout.threshold);
    for (std::int64_t j = at.begin; j < at.end; j += W) {
      const Vec e = S::exp(S::load(s + j) - top);
      sum += e;
      S::store(s + j, threshold == 0 ? e : e * S::factors(draws + j, threshold, dropout.scale));
    }
    if (first) {
      m.sum_q[row] = S::sum(sum);
    } else {
      const float shrink = std::exp(m.top_q[row] - top);
      m.sum_q[row] = m.sum_q[row] * shrink + S::sum(sum);
      float* acc = m.acc_qd + row * depth;
      for (std::int64_t i = 0; i < depth; i += W) S::store(acc + i, S::load(acc + i) * shrink);
    }
    m.top_q[row] = top;
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
    const std::int64_t group = p.heads / p.key_heads, depth = item.depth();
    load_keys(p, item, m);
    transpose(m.v_kd, item.keys, depth, m.v_dk);
    std::fill_n(m.dk_kd, item.keys * depth, 0.0F);
    std::fill_n(m.dv_kd, item.keys * depth, 0.0F);
    for (std::int64_t head = item.key_head * group; head < (item.key_head + 1) * group; ++head)
      for (std::int64_t row = 0; row < item.queries; row += kQueryBlock) {
        const std::int64_t rows = std::min(kQueryBlock, item.queries - row), row0 = item.query_row + row;
        const std::int64_t column = head * p.head_dim;
        load_queries(p, item, head, row, rows, m);
        load_rows(g.dout + row0 * p.width() + column, p.width(), nullptr, 1, rows, p.head_dim, depth, m.do_qd);
        row_facts(p, g, head, row0, rows, depth, m);
        for_each_meeting(
            item, row, [&](const Meeting& at, bool first) __attribute__((always_inline)) {
              product<W>(at, m.q_qd, m.k_dk, depth, m.s_qk);
              product<W>(at, m.do_qd, m.v_dk, depth, m.p_qk);
              hide(item, at, m.s_qk);
              if (p.dropout.active()) draw_block<W>(p, item, head, at, m.draws);
              softmax_gradient<W>(at, m, p.dropout);
              const std::int64_t key = (at.block + at.begin) * depth;
              small_gemm<W>(at.real, depth, rows, {m.p_qk + at.begin, 1, at.width}, m.do_qd, depth, m.dv_kd + key,
                            depth, true);
              small_gemm<W>(at.real, depth, rows, {m.s_qk + at.begin, 1, at.width}, m.q_qd, depth, m.dk_kd + key, depth,
                            true);
              small_gemm<W>(rows, depth, at.real, {m.s_qk + at.begin, at.width, 1}, m.k_kd + key, depth, m.acc_qd,
                            depth, !first);
            });
        store_rows(m.acc_qd, depth, rows, p.head_dim, 1.0F / std::sqrt(static_cast<float>(p.head_dim)),
                   g.dq + row0 * p.q_stride + column, p.q_stride);
      }
    const std::int64_t keys = item.key_row * p.kv_stride + item.key_head * p.head_dim;
    store_rows(m.dk_kd, depth, item.keys, p.head_dim, 1, g.dk + keys, p.kv_stride);
    store_rows(m.dv_kd, depth, item.keys, p.head_dim, 1, g.dv + keys, p.kv_stride);
  }

  // top: log Σ e^s of each row; sum: δ = dO·O.
  static WEFT_INLINE void row_facts(const AttentionProblem& p, const AttentionGradients& g, std::int64_t head,
                                    std::int64_t row0, std::int64_t rows, std::int64_t depth, Scratch& m) {
    const std::int64_t all_queries = p.one_query ? p.sequences() : p.shape->starts.back();
    for (std::int64_t i = 0; i < rows; ++i) {
      const float* out = g.out + (row0 + i) * p.width() + head * p.head_dim;
      float delta = 0;
      for (std::int64_t c = 0; c < p.head_dim; ++c) delta += m.do_qd[i * depth + c] * out[c];
      m.top_q[i] = g.log_sum_exp[head * all_queries + row0 + i];
      m.sum_q[i] = delta;
    }
  }

  // s: scores to their gradient P∘(f∘dP − δ); p: dP to the dropped probabilities P∘f.
  template <int W>
  static WEFT_INLINE void softmax_gradient(const Meeting& at, Scratch& m, const Dropout& dropout) {
    using S = Simd<W>;
    using Vec = typename S::Vec;
    const auto threshold = static_cast<std::int32_t>(dropout.threshold);
    for (std::int64_t row = 0; row < at.rows; ++row) {
      float *s = m.s_qk + row * at.width, *dp = m.p_qk + row * at.width;
      const std::uint16_t* draws = m.draws + row * at.width;
      for (std::int64_t j = at.begin; j < at.end; j += W) {
        const Vec probability = S::exp(S::load(s + j) - m.top_q[row]);
        const Vec factor = threshold == 0 ? S::all(1.0F) : S::factors(draws + j, threshold, dropout.scale);
        S::store(s + j, probability * (factor * S::load(dp + j) - m.sum_q[row]));
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

// Items go sequence by sequence, so that a sequence's rows stay in the cache for all its heads. Threads get pieces of
// equal work, however unequal the sequences are: piece i of kPieces begins where that share of all work is done.
template <class Function>
void for_each_item(const AttentionProblem& problem, Function&& function) {
  constexpr std::int64_t kPieces = 64;
  const std::int64_t items = problem.sequences() * problem.key_heads;
  std::vector<double> before{0};
  for (std::int64_t index = 0; index < items; ++index) {
    const Item item = item_at(problem, index);
    before.push_back(before.back() + static_cast<double>(item.queries + 16) * static_cast<double>(item.keys + 64));
  }
  const auto first_of = [&](std::int64_t piece) {
    const double share = before.back() * static_cast<double>(piece) / kPieces;
    return std::lower_bound(before.begin(), before.end(), share) - before.begin();
  };
  parallel_for(kPieces, 1, [&](std::int64_t begin, std::int64_t end) {
    Scratch scratch(longest(problem), padded(problem.head_dim));
    const std::int64_t last = end == kPieces ? items : first_of(end);
    for (std::int64_t index = first_of(begin); index < last; ++index) function(scratch, index);
  });
}

}  // namespace
}  // namespace attention

std::vector<std::int64_t> attention_chunks(const AttentionShape& shape, bool one_query) {
  std::vector<std::int64_t> first{0};
  for (std::size_t n = 0; n + 1 < shape.starts.size(); ++n) {
    const std::int64_t length = shape.starts[n + 1] - shape.starts[n];
    first.push_back(first.back() + chunks_per_row((one_query ? 1 : length) * padded(length)));
  }
  return first;
}

void attention_forward(const AttentionProblem& problem, float* out, float* log_sum_exp) {
  attention::for_each_item(problem, [&](attention::Scratch& scratch, std::int64_t index) {
    run_kernel<attention::ForwardKernel>(&problem, &scratch, index, out, log_sum_exp);
  });
}

void attention_backward(const AttentionProblem& problem, const AttentionGradients& gradients) {
  attention::for_each_item(problem, [&](attention::Scratch& scratch, std::int64_t index) {
    run_kernel<attention::BackwardKernel>(&problem, &scratch, index, &gradients);
  });
}

}  // namespace weft::nn
