// Third stage of a tokenizer: words to token ids.
#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "common/text/tokenizer.h"

namespace weft::text {

class Model {
 public:
  virtual ~Model() = default;
  // Appends to `ids`, each word for itself, and may stop once `ids` holds more than `enough`. The words are UTF-8, or
  // any bytes where the model was made for bytes. Any thread.
  virtual void tokenize(std::span<const std::string_view> words, std::size_t enough,
                        std::vector<TokenId>& ids) const = 0;
};

}  // namespace weft::text
