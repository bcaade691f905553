// Both directions from one rule.
#include "common/text/byte_alphabet.h"

#include <array>

#include "common/text/utf8.h"

namespace weft::text {
namespace {

bool is_itself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

struct Alphabet {
  std::array<char32_t, 256> character{};
  std::array<int, 0x144> byte{};
  Alphabet() {
    byte.fill(-1);
    char32_t next = 0x100;
    for (unsigned i = 0; i < 256; ++i) {
      character[i] = is_itself(i) ? char32_t{i} : next++;
      byte[character[i]] = static_cast<int>(i);
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet instance;
  return instance;
}

}  // namespace

char32_t byte_character(unsigned char byte) { return alphabet().character[byte]; }

std::optional<unsigned char> character_byte(char32_t c) {
  if (c >= alphabet().byte.size() || alphabet().byte[c] < 0) return {};
  return static_cast<unsigned char>(alphabet().byte[c]);
}

std::optional<std::string> from_byte_characters(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const Decoded c = decode_utf8(text, at);
    const auto byte = c.valid ? character_byte(c.code_point) : std::nullopt;
    if (!byte) return {};
    out += static_cast<char>(*byte);
    at += c.length;
  }
  return out;
}

}  // namespace weft::text
