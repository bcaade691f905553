// Last stage of a tokenizer: special tokens around one or two segments, after truncation made room for them.
#pragma once
#include <array>
#include <span>
#include <vector>

#include "common/text/tokenizer.h"

namespace weft::text {

// One place in the result: a segment, or special tokens.
struct TemplatePiece {
  enum class Kind { first, second, special };
  Kind kind = Kind::first;
  std::vector<TokenId> ids;  // of special tokens
  TokenId type_id = 0;
};

struct PostProcessor {
  std::vector<TemplatePiece> single{{TemplatePiece::Kind::first, {}, 0}};
  std::vector<TemplatePiece> pair{{TemplatePiece::Kind::first, {}, 0}, {TemplatePiece::Kind::second, {}, 1}};

  const std::vector<TemplatePiece>& pieces(bool is_pair) const { return is_pair ? pair : single; }
  std::size_t special_count(bool is_pair) const;
};

// What is left of two segments of these lengths within `room` tokens, cutting the longer one first.
std::array<std::size_t, 2> longest_first(std::size_t first, std::size_t second, std::size_t room);

}  // namespace weft::text
