// What the kernels of attention are made of: which queries meet which keys, block by block, and how rows get in and out
// of a thread's scratch, so that the second-level cache holds all of a block. Internal to attention_kernel.cpp.
// Letters: q query rows of a block · k key rows · d head dimension, the last two padded to 16.
#pragma once
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/nn/attention_kernel.h"
#include "common/nn/philox_simd.h"
#include "common/nn/small_gemm.h"

namespace weft::nn::attention {

constexpr std::int64_t kQueryBlock = 64;  // a multiple of 8, so that a block's draws start with a chunk
constexpr float kHidden = -1e30F;         // the score of a key that a query does not see

struct Scratch {
  float *q_qd, *do_qd, *acc_qd, *s_qk, *p_qk, *top_q, *sum_q;
  float *k_dk, *k_kd, *v_kd, *v_dk, *dk_kd, *dv_kd;  // of all keys; k_dk and v_dk by blocks of keys
  std::uint16_t* draws;
  at::Tensor memory;

  Scratch(std::int64_t keys, std::int64_t depth) {
    const std::int64_t rows = kQueryBlock * depth, all = padded(keys) * depth,
                       square = kQueryBlock * std::min(padded(keys), kKeyBlock);
    memory = at::empty({3 * rows + 2 * kQueryBlock + 6 * all + 2 * square + square / 2 + kDrawsPerChunk}, at::kFloat);
    float* next = memory.mutable_data_ptr<float>();
    const auto take = [&next](std::int64_t count) { return std::exchange(next, next + count); };
    q_qd = take(rows), do_qd = take(rows), acc_qd = take(rows);
    k_dk = take(all), k_kd = take(all), v_kd = take(all), v_dk = take(all), dk_kd = take(all), dv_kd = take(all);
    s_qk = take(square), p_qk = take(square);
    top_q = take(kQueryBlock), sum_q = take(kQueryBlock);
    draws = reinterpret_cast<std::uint16_t*>(next);
  }
};

// One key head of one sequence.
struct Item {
  std::int64_t key_head, sequence, queries, keys, query_row, key_row, head_dim;
  bool causal;
  std::int64_t window;
  std::int64_t depth() const { return padded(head_dim); }
  // The key that is the query's own token. The last query is that of the last key.
  std::int64_t own_key(std::int64_t query) const { return keys - queries + query; }
  std::int64_t first_key(std::int64_t query) const {
    return causal && window > 0 ? std::max<std::int64_t>(0, own_key(query) - window + 1) : 0;
  }
  std::int64_t end_key(std::int64_t query) const { return causal ? own_key(query) + 1 : keys; }
};

inline Item item_at(const AttentionProblem& p, std::int64_t index) {
  const std::int64_t n = index / p.key_heads;
  const std::int64_t start = p.shape->starts[static_cast<std::size_t>(n)];
  const std::int64_t length = p.shape->starts[static_cast<std::size_t>(n) + 1] - start;
  return {index % p.key_heads,
          n,
          p.one_query ? 1 : length,
          length,
          p.one_query ? n : start,
          start,
          p.head_dim,
          p.shape->causal,
          p.shape->window};
}

// Where a block of queries meets a block of keys: rows [row, row + rows) of the item's queries and the keys
// block + [begin, end), all of them that any of these queries sees, padded to whole registers; of these `real` are
// keys. The block's matrices are `width` wide.
struct Meeting {
  std::int64_t row, rows, block, width, begin, end, real;
  std::int64_t columns() const { return end - begin; }
};

// body(meeting, first) for each block of keys that the queries see.
template <class Body>
WEFT_INLINE void for_each_meeting(const Item& item, std::int64_t row, Body&& body) {
  const std::int64_t rows = std::min(kQueryBlock, item.queries - row);
  const std::int64_t low = item.first_key(row), high = item.end_key(row + rows - 1);
  bool first = true;
  for (std::int64_t block = low / kKeyBlock * kKeyBlock; block < high; block += kKeyBlock) {
    const std::int64_t width = std::min(kKeyBlock, padded(item.keys) - block);
    const std::int64_t begin = std::max<std::int64_t>(0, low - block) / 16 * 16;
    const std::int64_t end = std::min(width, padded(high - block));
    body(Meeting{row, rows, block, width, begin, end, std::min(end, item.keys - block) - begin}, first);
    first = false;
  }
}

// to [rows, depth] = (from + bias)·scale, padded with zeros.
WEFT_INLINE void load_rows(const float* from, std::int64_t stride, const float* bias, float scale, std::int64_t rows,
                           std::int64_t head_dim, std::int64_t depth, float* to) {
  for (std::int64_t row = 0; row < rows; ++row, from += stride, to += depth) {
    if (bias == nullptr)
      for (std::int64_t i = 0; i < head_dim; ++i) to[i] = from[i] * scale;
    else
      for (std::int64_t i = 0; i < head_dim; ++i) to[i] = (from[i] + bias[i]) * scale;
    for (std::int64_t i = head_dim; i < depth; ++i) to[i] = 0;
  }
}

WEFT_INLINE void store_rows(const float* from, std::int64_t depth, std::int64_t rows, std::int64_t head_dim,
                            float scale, float* to, std::int64_t stride) {
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t i = 0; i < head_dim; ++i) to[row * stride + i] = from[row * depth + i] * scale;
}

// from [keys, depth] to blocks [depth, width of the block], padded with zeros.
WEFT_INLINE void transpose(const float* from, std::int64_t keys, std::int64_t depth, float* to) {
  for (std::int64_t block = 0; block < keys; block += kKeyBlock) {
    const std::int64_t rows = std::min(kKeyBlock, keys - block), width = padded(rows);
    for (std::int64_t i = 0; i < depth; ++i) {
      for (std::int64_t row = 0; row < rows; ++row) to[i * width + row] = from[(block + row) * depth + i];
      for (std::int64_t row = rows; row < width; ++row) to[i * width + row] = 0;
    }
    to += depth * width;
  }
}

WEFT_INLINE void load_keys(const AttentionProblem& p, const Item& item, Scratch& m) {
  const std::int64_t column = item.key_head * p.head_dim, depth = item.depth();
  const std::int64_t first = item.key_row * p.kv_stride + column;
  const float* k_bias = p.k_bias == nullptr ? nullptr : p.k_bias + column;
  const float* v_bias = p.v_bias == nullptr ? nullptr : p.v_bias + column;
  load_rows(p.k + first, p.kv_stride, k_bias, 1, item.keys, p.head_dim, depth, m.k_kd);
  load_rows(p.v + first, p.kv_stride, v_bias, 1, item.keys, p.head_dim, depth, m.v_kd);
  transpose(m.k_kd, item.keys, depth, m.k_dk);
}

WEFT_INLINE void load_queries(const AttentionProblem& p, const Item& item, std::int64_t head, std::int64_t row,
                              std::int64_t rows, Scratch& m) {
  const std::int64_t column = head * p.head_dim;
  load_rows(p.q + (item.query_row + row) * p.q_stride + column, p.q_stride,
            p.q_bias == nullptr ? nullptr : p.q_bias + column, 1.0F / std::sqrt(static_cast<float>(p.head_dim)), rows,
            p.head_dim, item.depth(), m.q_qd);
}

// to [rows, columns] = left [rows, depth] · the meeting's part of right, which lies by blocks.
template <int W>
WEFT_INLINE void product(const Meeting& at, const float* left, const float* right_dk, std::int64_t depth, float* to) {
  small_gemm<W>(at.rows, at.columns(), depth, {left, depth, 1}, right_dk + at.block * depth + at.begin, at.width,
                to + at.begin, at.width, false);
}

WEFT_INLINE void hide(const Item& item, const Meeting& at, float* s_qk) {
  for (std::int64_t row = 0; row < at.rows; ++row) {
    float* s = s_qk + row * at.width;
    const std::int64_t low = std::min(at.end, item.first_key(at.row + row) - at.block);
    const std::int64_t high = std::max(at.begin, item.end_key(at.row + row) - at.block);
    for (std::int64_t j = at.begin; j < low; ++j) s[j] = kHidden;
    for (std::int64_t j = high; j < at.end; ++j) s[j] = kHidden;
  }
}

template <int W>
WEFT_INLINE void draw_block(const AttentionProblem& p, const Item& item, std::int64_t head, const Meeting& at,
                            std::uint16_t* draws) {
  const std::int64_t before = item.queries * at.block + at.row * at.width;
  const std::int64_t first =
      head * p.first_chunk.back() + p.first_chunk[static_cast<std::size_t>(item.sequence)] + before / kDrawsPerChunk;
  draw_chunks<W>(p.dropout.key, static_cast<std::uint64_t>(first), chunks_per_row(at.rows * at.width), draws);
}

}  // namespace weft::nn::attention
