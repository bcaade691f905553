// Reading the map, grapheme clusters as far as they matter here, and the look-up.
#include "common/text/charsmap.h"

#include <unicode/uchar.h>

#include "common/base/result.h"
#include "common/text/utf8.h"

namespace weft::text {
namespace {

constexpr std::size_t kLongestCluster = 5;  // bytes; longer ones are looked up by code points

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

std::string decode_base64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string out;
  out.reserve(text.size() / 4 * 3 + 3);
  std::uint32_t bits = 0;
  int held = 0;
  for (char c : text) {
    const int value = base64_value(c);
    if (value < 0) throw Failure("precompiled_charsmap: not base64");
    bits = bits << 6U | static_cast<std::uint32_t>(value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>(bits >> static_cast<unsigned>(held) & 0xFFU);
  }
  return out;
}

std::uint32_t read_u32(std::string_view bytes, std::size_t at) {
  const auto byte = [&](std::size_t i) { return std::uint32_t{static_cast<unsigned char>(bytes[at + i])}; };
  return byte(0) | byte(1) << 8U | byte(2) << 16U | byte(3) << 24U;
}

// A unit of the double array.
bool has_leaf(std::uint32_t unit) { return (unit >> 8U & 1U) != 0; }
std::uint32_t value_of(std::uint32_t unit) { return unit & 0x7FFFFFFFU; }
std::uint32_t label_of(std::uint32_t unit) { return unit & 0x800000FFU; }
std::uint32_t offset_of(std::uint32_t unit) { return unit >> 10U << ((unit & 0x200U) >> 6U); }

int cluster_break(char32_t c) { return u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_GRAPHEME_CLUSTER_BREAK); }

bool is_control(int kind) { return kind == U_GCB_CONTROL || kind == U_GCB_CR || kind == U_GCB_LF; }

bool extends(int kind) { return kind == U_GCB_EXTEND || kind == U_GCB_ZWJ || kind == U_GCB_SPACING_MARK; }

bool is_pictograph(char32_t c) {
  return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_EXTENDED_PICTOGRAPHIC) != 0;
}

// End of the grapheme cluster at `at` (Unicode Standard Annex 29). Clusters that are longer than kLongestCluster by any
// rule need not be whole: Hangul syllables, flags and Indic conjuncts are cut.
std::size_t cluster_end(std::string_view text, std::size_t at) {
  Decoded c = decode_utf8(text, at);
  int kind = cluster_break(c.code_point);
  bool pictograph = is_pictograph(c.code_point);  // then anything that extends it
  while (true) {
    at += c.length;
    if (at == text.size()) return at;
    const Decoded next = decode_utf8(text, at);
    const int next_kind = cluster_break(next.code_point);
    if (kind == U_GCB_CR && next_kind == U_GCB_LF) return at + next.length;
    if (is_control(kind) || is_control(next_kind)) return at;
    const bool joined = pictograph && kind == U_GCB_ZWJ && is_pictograph(next.code_point);
    if (!extends(next_kind) && kind != U_GCB_PREPEND && !joined) return at;
    pictograph =
        is_pictograph(next.code_point) || (pictograph && (next_kind == U_GCB_EXTEND || next_kind == U_GCB_ZWJ));
    c = next;
    kind = next_kind;
  }
}

}  // namespace

Charsmap::Charsmap(std::string_view base64) : ascii_changes_(128) {
  const std::string bytes = decode_base64(base64);
  const std::size_t trie_bytes = bytes.size() < 4 ? 0 : read_u32(bytes, 0);
  if (trie_bytes < 4 || trie_bytes % 4 != 0 || trie_bytes > bytes.size() - 4) {
    throw Failure("precompiled_charsmap: " + std::to_string(bytes.size()) + " bytes, of which the trie claims " +
                  std::to_string(trie_bytes));
  }
  for (std::size_t at = 0; at < trie_bytes; at += 4) units_.push_back(read_u32(bytes, 4 + at));
  replacements_ = bytes.substr(4 + trie_bytes);
  for (std::size_t i = 0; i < ascii_changes_.size(); ++i) {
    const char c = static_cast<char>(i);
    ascii_changes_[i] = replacement({&c, 1}).has_value();
  }
}

std::optional<std::string_view> Charsmap::replacement(std::string_view chunk) const {
  std::size_t node = offset_of(units_[0]);
  for (char c : chunk) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) return {};
    node ^= byte;
    if (node >= units_.size() || label_of(units_[node]) != byte) return {};
    const bool leaf = has_leaf(units_[node]);
    node ^= offset_of(units_[node]);
    if (node >= units_.size()) return {};
    if (!leaf) continue;
    const std::size_t begin = value_of(units_[node]);
    if (begin > replacements_.size()) return {};
    return std::string_view(replacements_).substr(begin, replacements_.find('\0', begin) - begin);
  }
  return {};
}

void Charsmap::append(std::string_view chunk, std::string& out) const { out += replacement(chunk).value_or(chunk); }

void Charsmap::normalize(std::string_view text, std::string& out) const {
  const auto is_ascii = [&](std::size_t i) { return static_cast<unsigned char>(text[i]) < 0x80; };
  for (std::size_t at = 0; at < text.size();) {
    // A character of ASCII before another one is a cluster of its own, unless they are CR LF.
    if (is_ascii(at) && text[at] != '\r' && (at + 1 == text.size() || is_ascii(at + 1))) {
      if (ascii_changes_[static_cast<unsigned char>(text[at])])
        append(text.substr(at, 1), out);
      else
        out += text[at];
      ++at;
      continue;
    }
    const std::size_t end = cluster_end(text, at);
    if (end - at <= kLongestCluster) {
      if (const auto whole = replacement(text.substr(at, end - at))) {
        out += *whole;
        at = end;
        continue;
      }
    }
    while (at < end) {
      const std::size_t length = decode_utf8(text, at).length;
      append(text.substr(at, length), out);
      at += length;
    }
  }
}

}  // namespace weft::text
