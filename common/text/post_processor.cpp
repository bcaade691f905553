// Filling the template.
#include "common/text/post_processor.h"

#include <algorithm>

namespace weft::text {

std::size_t PostProcessor::special_count(bool is_pair) const {
  std::size_t count = 0;
  for (const auto& piece : is_pair ? pair : single) count += piece.ids.size();
  return count;
}

Encoding PostProcessor::assemble(bool is_pair, std::span<const TokenId> first, std::span<const TokenId> second) const {
  Encoding out;
  const std::size_t size = first.size() + second.size() + special_count(is_pair);
  out.ids.reserve(size);
  out.type_ids.reserve(size);
  for (const auto& piece : is_pair ? pair : single) {
    const std::span<const TokenId> ids = piece.kind == TemplatePiece::Kind::first    ? first
                                         : piece.kind == TemplatePiece::Kind::second ? second
                                                                                     : std::span(piece.ids);
    out.ids.insert(out.ids.end(), ids.begin(), ids.end());
    out.type_ids.insert(out.type_ids.end(), ids.size(), piece.type_id);
  }
  return out;
}

std::array<std::size_t, 2> longest_first(std::size_t first, std::size_t second, std::size_t room) {
  if (first + second <= room) return {first, second};
  const std::size_t shorter = std::min(first, second);
  std::size_t short_part = shorter;
  std::size_t long_part = shorter > room ? shorter : std::max(shorter, room - shorter);
  if (short_part + long_part > room) {
    short_part = room / 2;
    long_part = short_part + room % 2;
  }
  if (first > second) return {long_part, short_part};
  return {short_part, long_part};
}

}  // namespace weft::text
