// Unicode's normalization forms, with the code points of Unicode 9: what the reference does not know stays as it is.
// Source: Unicode Standard Annex 15.
#pragma once
#include <string>
#include <string_view>

#include "common/text/normalizer.h"

namespace weft::text {

enum class NormalForm { nfc, nfd, nfkc, nfkd };

class UnicodeNormalizer final : public Normalizer {
 public:
  explicit UnicodeNormalizer(NormalForm form);
  void normalize(std::string_view text, std::string& out) const override;

 private:
  bool is_plain(char32_t c) const;
  struct Form;
  template <NormalForm kForm>
  static const Form* shared();
  const Form* form_;  // shared by all of this form
};

}  // namespace weft::text
