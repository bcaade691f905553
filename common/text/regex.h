// The regular expressions of a tokenizer.json, which are those of Oniguruma, by PCRE2 with its JIT compiler.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/text/tokenizer.h"

namespace weft::text {

class Regex {
 public:
  // Throws Failure where the pattern is malformed.
  explicit Regex(std::string_view pattern);
  static Regex of_literal(std::string_view text);
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();
  // Calls `match` with each match from left to right; empty ones too, but not at the end of the one before, nor in an
  // empty text. `text` is UTF-8. A search that passes PCRE2's limits throws Failure. Any thread.
  void find_all(std::string_view text, const std::function<void(TextSpan)>& match) const;

 private:
  struct Code;
  explicit Regex(std::unique_ptr<Code> code);
  std::unique_ptr<Code> code_;
};

}  // namespace weft::text
