// What becomes of the matches of a splitter: Hugging Face's five behaviours.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "common/text/pre_tokenizer.h"
#include "common/text/regex.h"

namespace weft::text {

enum class SplitBehavior {
  removed,               // matches are dropped
  isolated,              // each match is a word
  merged_with_previous,  // a match ends the word before it
  merged_with_next,      // a match begins the word after it
  contiguous             // neighbouring matches are one word
};

// A text cut into matches and what lies between them; joined they are the text.
struct SplitPart {
  std::string_view text;
  bool match = false;
};

// Appends the words; `parts` is used up.
void apply_split(SplitBehavior behavior, std::vector<SplitPart>& parts, std::vector<std::string_view>& words);

struct SplitOptions {
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false;  // what lies between matches counts as a match
};

class RegexSplit final : public PreTokenizer {
 public:
  RegexSplit(Regex regex, SplitOptions options) : regex_(std::move(regex)), options_(options) {}
  void split(const Passage& passage, TextPool& pool, std::vector<std::string_view>& words) const override;

 private:
  Regex regex_;
  SplitOptions options_;
};

// Every code point of a kind is a match of its own: punctuation, digits, white space.
class CodePointSplit final : public PreTokenizer {
 public:
  CodePointSplit(bool (*is_match)(char32_t), SplitBehavior behavior) : is_match_(is_match), behavior_(behavior) {}
  void split(const Passage& passage, TextPool& pool, std::vector<std::string_view>& words) const override;

 private:
  bool (*is_match_)(char32_t);
  SplitBehavior behavior_;
};

}  // namespace weft::text
