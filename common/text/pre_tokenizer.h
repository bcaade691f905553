// Second stage of a tokenizer: normalised text to words, which the model cuts further but never joins.
#pragma once
#include <string_view>
#include <vector>

#include "common/text/text_pool.h"

namespace weft::text {

// A text to split, and whether the text that was given to the tokenizer begins with it.
struct Passage {
  std::string_view text;
  bool at_start = true;
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  // Appends the words, none of them empty: views into the passage, or into `pool` where they were changed. The text is
  // UTF-8. Any thread.
  virtual void split(const Passage& passage, TextPool& pool, std::vector<std::string_view>& words) const = 0;
};

// The whole text is one word.
class WholeText final : public PreTokenizer {
 public:
  void split(const Passage& passage, TextPool&, std::vector<std::string_view>& words) const override {
    if (!passage.text.empty()) words.push_back(passage.text);
  }
};

}  // namespace weft::text
