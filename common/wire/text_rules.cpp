// Which texts may stand in a message.
#include "common/wire/field_io.h"

namespace weft::wire {
namespace {

// The number of bytes of the UTF-8 character at `at`; 0 when there is none. Unicode 15, table 3-7.
std::size_t utf8_length(const std::string& text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(at), second = byte(at + 1);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(at + 1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && second < 0xA0, surrogate = first == 0xED && second > 0x9F;
    return tail(at + 1) && tail(at + 2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && second < 0x90, beyond = first == 0xF4 && second > 0x8F;
    return tail(at + 1) && tail(at + 2) && tail(at + 3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= kMaxWordBytes &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

bool is_proof(std::string_view text) {
  return text.size() <= kMaxProofCharacters && text.size() % 2 == 0 &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool clean_text(const std::string& text, bool lines) {
  for (std::size_t at = 0; at < text.size();) {
    const auto c = static_cast<unsigned char>(text[at]);
    const bool control = c < 0x20 || c == 0x7f;
    if (control && !(lines && (c == '\n' || c == '\t'))) return false;
    const std::size_t length = utf8_length(text, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

std::string shown(std::string_view text) {
  std::string clean;
  for (const char c : text.substr(0, kMaxWordBytes)) clean += c >= ' ' && c < 0x7f ? c : '?';
  return "\"" + clean + (text.size() > kMaxWordBytes ? "...\"" : "\"");
}

}  // namespace weft::wire
