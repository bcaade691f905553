// One pass over the bytes; a text that is no JSON is the parser's to refuse.
#include "common/base/json_depth.h"

#include <cstddef>

namespace weft {
namespace {

constexpr std::size_t kMostDepth = 64;

// Behind the closing quote of the string that begins at `at`.
std::size_t after_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at)
    if (text[at] == '\\') ++at;
  return at + 1;
}

}  // namespace

std::string_view shallow_json(std::string_view text) {
  std::size_t depth = 0;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '"') {
      i = after_string(text, i);
      continue;
    }
    if ((c == '[' || c == '{') && ++depth > kMostDepth) return {};
    if ((c == ']' || c == '}') && depth > 0) --depth;
    ++i;
  }
  return text;
}

}  // namespace weft
