// SentencePiece's compiled normalization rules ("Precompiled"): a double array of texts to their replacements. Applied
// as Hugging Face does: to a grapheme cluster of less than six bytes as a whole, by the shortest rule that begins it,
// else to each code point. Source: SentencePiece's normalizer and the Darts-clone format that it stores.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/text/normalizer.h"

namespace weft::text {

class Charsmap final : public Normalizer {
 public:
  // `base64` is the field precompiled_charsmap. Throws Failure where it is malformed.
  explicit Charsmap(std::string_view base64);
  void normalize(std::string_view text, std::string& out) const override;

 private:
  std::optional<std::string_view> replacement(std::string_view chunk) const;
  void append(std::string_view chunk, std::string& out) const;

  std::vector<std::uint32_t> units_;
  std::string replacements_;  // each ends with a zero byte
  std::vector<bool> ascii_changes_;
};

}  // namespace weft::text
