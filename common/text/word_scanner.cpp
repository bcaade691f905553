// Each function takes the place where a word begins and returns where it ends, trying the alternatives in their order.
#include "common/text/word_scanner.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "common/text/unicode_facts.h"
#include "common/text/utf8.h"

namespace weft::text {
namespace {

constexpr std::string_view kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr char32_t kTableEnd = 0x30000;

enum class Kind : std::uint8_t { other, letter, number, space, end };

Kind classify(char32_t c) {
  return is_letter(c) ? Kind::letter : is_number(c) ? Kind::number : is_white_space(c) ? Kind::space : Kind::other;
}

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> table = [] {
    std::vector<Kind> out(kTableEnd);
    for (char32_t c = 0; c < kTableEnd; ++c) out[c] = classify(c);
    return out;
  }();
  return table;
}

struct Character {
  Kind kind = Kind::end;
  std::uint8_t length = 0;
};

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::size_t gpt2_word(std::size_t at) const {
    if (const std::size_t length = contraction(at, Case::exact)) return at + length;
    const std::size_t blank = text_[at] == ' ' ? 1 : 0;
    const Character first = character(at + blank);
    if (first.kind != Kind::space && first.kind != Kind::end) return run(at + blank + first.length, first.kind);
    return space_word(at);
  }

  std::size_t llama3_word(std::size_t at, std::size_t digits) const {
    if (const std::size_t length = contraction(at, Case::any)) return at + length;
    const Character first = character(at);
    if (first.kind == Kind::letter) return run(at + first.length, Kind::letter);
    if (first.kind == Kind::number) return numbers(at, digits);
    if (!is_line_end(at) && character(at + first.length).kind == Kind::letter) {
      return run(at + first.length, Kind::letter);
    }
    const std::size_t sign = text_[at] == ' ' ? at + 1 : at;
    if (character(sign).kind == Kind::other) {
      std::size_t end = run(sign, Kind::other);
      while (is_line_end(end)) ++end;
      return end;
    }
    const std::size_t end = run(at, Kind::space);
    std::size_t lines = end;
    while (lines > at && !is_line_end(lines - 1)) --lines;
    return lines > at ? lines : space_word(at);
  }

 private:
  enum class Case { exact, any };

  Character character(std::size_t at) const {
    if (at >= text_.size()) return {};
    const auto byte = static_cast<unsigned char>(text_[at]);
    if (byte < 0x80) return {table_[byte], 1};
    const Decoded c = decode_utf8(text_, at);
    return {c.code_point < kTableEnd ? table_[c.code_point] : classify(c.code_point), c.length};
  }

  std::size_t run(std::size_t at, Kind kind) const {
    for (Character c = character(at); c.kind == kind; c = character(at)) at += c.length;
    return at;
  }

  std::size_t numbers(std::size_t at, std::size_t limit) const {
    Character c = character(at);
    for (std::size_t count = 0; count < limit && c.kind == Kind::number; ++count) {
      at += c.length;
      c = character(at);
    }
    return at;
  }

  bool is_line_end(std::size_t at) const { return at < text_.size() && (text_[at] == '\r' || text_[at] == '\n'); }

  // White space up to, but for one character, a word that follows.
  std::size_t space_word(std::size_t at) const {
    std::size_t end = at, last = at;
    for (Character c = character(end); c.kind == Kind::space; c = character(end)) {
      last = end;
      end += c.length;
    }
    return end == text_.size() || last == at ? end : last;
  }

  // Length of 's, 't, 're, 've, 'm, 'll or 'd, or 0.
  std::size_t contraction(std::size_t at, Case letters) const {
    if (text_[at] != '\'' || at + 1 >= text_.size()) return 0;
    const auto letter = [&](std::size_t i) {
      const char c = i < text_.size() ? text_[i] : '\0';
      return letters == Case::any && c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    };
    const char first = letter(at + 1), second = letter(at + 2);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
    if ((first == 'r' || first == 'v') && second == 'e') return 3;
    if (first == 'l' && second == 'l') return 3;
    const bool long_s = letters == Case::any && text_.substr(at + 1).starts_with("\u017F");  // its upper case is S
    return long_s ? 3 : 0;
  }

  std::string_view text_;
  const Kind* table_ = kinds().data();
};

}  // namespace

std::string_view WordScanner::gpt2_pattern() { return kGpt2; }
std::string_view WordScanner::llama3_pattern() { return kLlama3; }

std::unique_ptr<PreTokenizer> WordScanner::for_pattern(std::string_view pattern) {
  struct Known {
    std::string_view pattern;
    Rules rules;
  };
  static constexpr std::array<Known, 3> kKnown = {{{kGpt2, {true, 0}}, {kLlama3, {false, 3}}, {kQwen2, {false, 1}}}};
  for (const Known& known : kKnown) {
    if (known.pattern == pattern) return std::unique_ptr<PreTokenizer>(new WordScanner(known.rules));
  }
  return nullptr;
}

void WordScanner::split(const Passage& passage, TextPool&, std::vector<std::string_view>& words) const {
  const Scanner scanner(passage.text);
  for (std::size_t at = 0; at < passage.text.size();) {
    const std::size_t end = rules_.gpt2 ? scanner.gpt2_word(at) : scanner.llama3_word(at, rules_.digits_a_word);
    words.push_back(passage.text.substr(at, end - at));
    at = end;
  }
}

}  // namespace weft::text
