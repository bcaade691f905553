// Filling the template.
#include "common/text/post_processor.h"

#include <algorithm>

namespace weft::text {

std::size_t PostProcessor::special_count(bool is_pair) const {
  std::size_t count = 0;
  for (const auto& piece : pieces(is_pair)) count += piece.ids.size();
  return count;
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
