// The fused CPU kernel of packed attention, one (key head, sequence) pair at a time, for bidirectional and causal
// attention alike: blocks of queries meet blocks of keys with a running softmax, and blocks that the mask hides are
// skipped. Exact for any length in memory that grows with the length alone, quick for the short sequences of text
// classification. All pointers are fp32 rows; queries of a sequence may be fewer than its keys.
// Source of the running softmax: Milakov and Gimelshein 2018, arXiv:1805.02867.
#pragma once
#include <cstdint>
#include <vector>

#include "common/nn/attention.h"
#include "common/nn/dropout.h"

namespace weft::nn {

struct AttentionProblem {
  const float *q, *k, *v;                 // first row of the first head
  std::int64_t q_stride, kv_stride;       // floats from row to row
  const float *q_bias, *k_bias, *v_bias;  // [heads · head_dim], [key_heads · head_dim]; null for none
  std::int64_t heads, key_heads, head_dim;
  const AttentionShape* shape;
  bool one_query;  // one query row a sequence (of its last token where causal), else one a token
  Dropout dropout;
  std::vector<std::int64_t> first_chunk;  // per sequence, where its draws start; the last entry is the total of a head

  std::int64_t width() const { return heads * head_dim; }
  std::int64_t sequences() const { return static_cast<std::int64_t>(shape->starts.size()) - 1; }
};

// Keys of a block. Queries come in blocks of 64.
constexpr std::int64_t kKeyBlock = 256;

// Where the draws of each sequence start, for `first_chunk`. Its draws go by blocks of kKeyBlock keys: first those of
// all rows in the first block, row by row; a block is as wide as it has keys, padded().
std::vector<std::int64_t> attention_chunks(const AttentionShape& shape, bool one_query);
inline std::int64_t padded(std::int64_t length) { return (length + 15) / 16 * 16; }

// out [queries, width]; log_sum_exp [heads, queries].
void attention_forward(const AttentionProblem& problem, float* out, float* log_sum_exp);

struct AttentionGradients {
  const float *out, *log_sum_exp, *dout;
  float *dq, *dk, *dv;  // with q_stride and kv_stride
};
void attention_backward(const AttentionProblem& problem, const AttentionGradients& gradients);

}  // namespace weft::nn
