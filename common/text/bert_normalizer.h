// BERT's cleaning: control characters out, ideographs set apart, accents off, lower case; in that order.
// What happens to a code point does not depend on its neighbours (but for the order of rare combining characters), so
// it is looked up in a table made at load.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/text/normalizer.h"

namespace weft::text {

struct BertNormalizerOptions {
  bool clean_text = true;            // drop control characters, make all white space a blank
  bool handle_chinese_chars = true;  // blanks around CJK ideographs
  bool strip_accents = true;         // decompose and drop nonspacing marks
  bool lowercase = true;
};

class BertNormalizer final : public Normalizer {
 public:
  explicit BertNormalizer(BertNormalizerOptions options);
  void normalize(std::string_view text, std::string& out) const override;

 private:
  enum class Kind : std::uint8_t {
    keep,   // itself
    drop,   // nothing
    pause,  // nothing, but combining characters are not reordered across it
    map,    // a text of the pool
    order   // among its parts is a combining character that stays: see Ordering
  };
  struct Entry {
    Kind kind = Kind::keep;
    std::uint32_t text = 0;  // place in the pool
  };
  struct Ordering;

  Entry classify(char32_t c, std::string& text) const;
  std::u32string parts_of(char32_t c) const;
  void append_slow(char32_t c, std::string& out, Ordering& ordering) const;
  void append_ordered(char32_t c, std::string& out, Ordering& ordering) const;

  BertNormalizerOptions options_;
  std::array<char, 128> ascii_{};  // 0: dropped
  std::vector<Entry> table_;       // code points below kTableEnd
  std::string pool_;               // length byte, then the text
};

}  // namespace weft::text
