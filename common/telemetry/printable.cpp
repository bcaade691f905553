// One code point at a time.
#include "common/telemetry/printable.h"

#include <algorithm>
#include <cstdint>

namespace weft::telemetry {
namespace {

// Bytes of the code point at the front of `text`, or 0 when it is none; overlong forms of two bytes are none.
std::size_t code_point_length(std::string_view text) {
  const auto first = static_cast<std::uint8_t>(text[0]);
  const std::size_t length = first < 0x80                    ? 1
                             : first >= 0xc2 && first < 0xe0 ? 2
                             : first >= 0xe0 && first < 0xf0 ? 3
                             : first >= 0xf0 && first < 0xf5 ? 4
                                                             : 0;
  if (length > text.size()) return 0;
  const auto rest = text.substr(std::min<std::size_t>(1, length), length == 0 ? 0 : length - 1);
  const bool whole = std::all_of(rest.begin(), rest.end(), [](char c) { return (c & 0xc0) == 0x80; });
  return whole ? length : 0;
}

bool is_control(std::string_view code_point) {
  const auto first = static_cast<std::uint8_t>(code_point[0]);
  const bool c1 = first == 0xc2 && static_cast<std::uint8_t>(code_point[1]) < 0xa0;
  return first < 0x20 || first == 0x7f || c1;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = code_point_length(text);
    const std::string_view code_point = text.substr(0, std::max<std::size_t>(1, length));
    if (text[0] == '\n' || text[0] == '\r' || text[0] == '\t') {
      out += ' ';
    } else if (length == 0 || is_control(code_point)) {
      out += '?';
    } else {
      out += code_point;
    }
    text.remove_prefix(code_point.size());
  }
  return out;
}

}  // namespace weft::telemetry
