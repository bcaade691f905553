// A batch as one row of tokens with sequence boundaries: nothing is padded.
// Suffixes: T packed tokens · N sequences.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace weft::nn {

struct Packed {
  at::Tensor ids_T;                  // int64
  at::Tensor type_ids_T;             // int64, segment of each token
  at::Tensor position_T;             // int64, from 0 in each sequence
  std::vector<std::int64_t> starts;  // N + 1 offsets into T; starts.front() == 0, starts.back() == T
  std::int64_t sequences() const { return static_cast<std::int64_t>(starts.size()) - 1; }
};

}  // namespace weft::nn
