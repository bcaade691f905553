// First stage of a tokenizer: text to the text that the vocabulary was made from.
#pragma once
#include <string>
#include <string_view>

namespace weft::text {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // Appends to `out`. Bytes that are no UTF-8 read as U+FFFD. Any thread.
  virtual void normalize(std::string_view text, std::string& out) const = 0;
};

}  // namespace weft::text
