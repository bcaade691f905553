// GPT-2's writing of bytes as printable characters, in which byte-level vocabularies are stored: 188 bytes are
// themselves, the others are U+0100 and up. Source: Radford et al. 2019, the released encoder.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace weft::text {

char32_t byte_character(unsigned char byte);
std::optional<unsigned char> character_byte(char32_t c);
// The bytes that are written as `text`, or nothing where a character stands for none.
std::optional<std::string> from_byte_characters(std::string_view text);

}  // namespace weft::text
