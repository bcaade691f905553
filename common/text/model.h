// Third stage of a tokenizer: one word to token ids.
#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include "common/text/tokenizer.h"

namespace weft::text {

class Model {
 public:
  virtual ~Model() = default;
  // Appends to `ids`. Any thread.
  virtual void tokenize(std::string_view word, std::vector<TokenId>& ids) const = 0;
  virtual std::optional<TokenId> id_of(std::string_view token) const = 0;
};

}  // namespace weft::text
