// Examples to token ids, all in one array: example i is ids[starts[i]] up to ids[starts[i + 1]].
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "common/data/dataset.h"
#include "common/text/tokenizer.h"

namespace weft::data {

struct EncodedDataset {
  std::vector<std::int32_t> ids, type_ids;
  std::vector<std::int64_t> starts{0};  // size() + 1 of them
  std::vector<std::int32_t> labels;
  std::uint64_t truncated = 0;  // examples cut at max_tokens

  std::size_t size() const { return labels.size(); }
  std::size_t length(std::size_t i) const { return static_cast<std::size_t>(starts[i + 1] - starts[i]); }
  std::span<const std::int32_t> ids_of(std::size_t i) const {
    return {&ids[static_cast<std::size_t>(starts[i])], length(i)};
  }
};

// max_tokens includes the special tokens; 0: no limit.
EncodedDataset encode(const text::Tokenizer& tokenizer, const std::vector<Example>& examples, std::size_t max_tokens);

}  // namespace weft::data
