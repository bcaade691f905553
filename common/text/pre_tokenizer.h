// Second stage of a tokenizer: normalised text to words, which the model cuts further but never joins.
#pragma once
#include <string_view>
#include <vector>

namespace weft::text {

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  // Appends views into `text`. Any thread.
  virtual void split(std::string_view text, std::vector<std::string_view>& words) const = 0;
};

// The whole text is one word.
class WholeText final : public PreTokenizer {
 public:
  void split(std::string_view text, std::vector<std::string_view>& words) const override {
    if (!text.empty()) words.push_back(text);
  }
};

}  // namespace weft::text
