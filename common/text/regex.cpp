// Patterns are rewritten where the two libraries read them differently, then compiled once.
#include "common/text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <cstdio>
#include <vector>

#include "common/text/unicode_facts.h"
#include "common/text/utf8.h"

namespace weft::text {
namespace {

std::string listed(std::span<const CodePointRange> ranges) {
  std::string out;
  for (const auto& range : ranges) {
    std::array<char, 32> text{};
    (void)std::snprintf(text.data(), text.size(), "\\x{%X}-\\x{%X}", static_cast<unsigned>(range[0]),
                        static_cast<unsigned>(range[1]));
    out += text.data();
  }
  return out;
}

struct Rewrite {
  std::string escape, negated;
  std::string members;  // what stands for the escape within brackets
};

// PCRE2 has another Unicode version, U+180E in \s, and fewer characters in \w.
const std::vector<Rewrite>& rewrites() {
  static const std::vector<Rewrite> table = [] {
    const std::string digits = listed(young_digits()), letters = listed(young_letters());
    const std::string space =
        R"(\x09-\x0D\x20\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
    const std::string word = R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE}\x{24B6}-\x{24E9})"
                             R"(\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189})";
    return std::vector<Rewrite>{{"\\s", "\\S", space},
                                {"\\d", "\\D", "\\p{Nd}" + digits},
                                {"\\w", "\\W", word + letters + digits + listed(young_marks())},
                                {"\\p{L}", "\\P{L}", "\\p{L}" + letters},
                                {"\\p{N}", "\\P{N}", "\\p{N}\\x{1D2C0}-\\x{1D2D3}" + digits}};
  }();
  return table;
}

// Appends what stands for the escape that `rest` begins with and returns its length, or 0 where it stays as it is. A
// negated one within brackets stays.
std::size_t rewrite_escape(std::string_view rest, bool within_brackets, std::string& out) {
  for (const Rewrite& rewrite : rewrites()) {
    const bool negated = rest.starts_with(rewrite.negated);
    if (!negated && !rest.starts_with(rewrite.escape)) continue;
    if (negated && within_brackets) return 0;
    out += within_brackets ? rewrite.members : (negated ? "[^" : "[") + rewrite.members + "]";
    return rewrite.escape.size();
  }
  return 0;
}

std::string rewritten(std::string_view pattern) {
  std::string out;
  bool within_brackets = false;
  for (std::size_t at = 0; at < pattern.size();) {
    const std::size_t length = rewrite_escape(pattern.substr(at), within_brackets, out);
    at += length;
    if (length > 0) continue;
    if (pattern[at] == '\\' && at + 1 < pattern.size()) {
      out += pattern[at++];
    } else if (pattern[at] == '[' || pattern[at] == ']') {
      within_brackets = pattern[at] == '[';
    }
    out += pattern[at++];
  }
  return out;
}

std::string error_text(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

PCRE2_SPTR units(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

struct FreeMatch {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

}  // namespace

struct Regex::Code {
  explicit Code(pcre2_code* from) : code(from) {}
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  ~Code() { pcre2_code_free(code); }
  pcre2_code* code;
};

Regex::Regex(std::unique_ptr<Code> code) : code_(std::move(code)) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

Regex::Regex(std::string_view pattern) {
  constexpr std::size_t kMaxPattern = 65'536;
  if (pattern.size() > kMaxPattern)
    throw Failure("pattern of " + std::to_string(pattern.size()) + " bytes, limit 65536");
  const std::string text = rewritten(pattern);
  int error = 0;
  PCRE2_SIZE offset = 0;
  // As in Oniguruma's Ruby syntax, ^ and $ are at lines.
  pcre2_code* code =
      pcre2_compile(units(text), text.size(), PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error,
                    &offset, nullptr);
  if (code == nullptr) {
    throw Failure("pattern \"" + std::string(pattern) + "\": " + error_text(error) + " at offset " +
                  std::to_string(offset));
  }
  code_ = std::make_unique<Code>(code);
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // where it fails, the interpreter matches
}

Regex Regex::of_literal(std::string_view text) {
  std::string pattern;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 128 && std::isalnum(byte) == 0 && byte > 0x20) pattern += '\\';
    pattern += c;
  }
  return Regex(pattern);
}

void Regex::find_all(std::string_view text, const std::function<void(TextSpan)>& match) const {
  const std::unique_ptr<pcre2_match_data, FreeMatch> data(pcre2_match_data_create_from_pattern(code_->code, nullptr));
  if (text.empty()) return;  // as the reference, even where the pattern matches nothing at all
  std::size_t at = 0, last_end = std::string_view::npos;
  while (at <= text.size()) {
    const int found = pcre2_match(code_->code, units(text), text.size(), at, PCRE2_NO_UTF_CHECK, data.get(), nullptr);
    if (found == PCRE2_ERROR_NOMATCH) return;
    if (found < 0)
      throw Failure("a pattern of the tokenizer on a text of " + std::to_string(text.size()) +
                    " bytes: " + error_text(found));
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data.get());
    const TextSpan span{ends[0], ends[1]};
    if (span.begin == span.end) {
      if (span.end != last_end) match(span);
      at = span.end + (span.end < text.size() ? decode_utf8(text, span.end).length : 1);
    } else {
      match(span);
      at = span.end;
    }
    last_end = span.end;
  }
}

}  // namespace weft::text
