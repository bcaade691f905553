// BERT's words: split at white space, and every punctuation character is a word of its own.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "common/text/pre_tokenizer.h"

namespace weft::text {

class BertPreTokenizer final : public PreTokenizer {
 public:
  void split(const Passage& passage, TextPool& pool, std::vector<std::string_view>& words) const override;

 private:
  enum class Kind : std::uint8_t { word, space, punctuation };
  static Kind classify(char32_t c);
  static const std::vector<Kind>& table();
  const std::vector<Kind>& table_ = table();
};

}  // namespace weft::text
