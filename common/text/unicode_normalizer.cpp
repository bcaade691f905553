// ICU's normalizer behind a filter by age. Code points that no form and no neighbour changes are copied without it.
#include "common/text/unicode_normalizer.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#include <unicode/uchar.h>
#include <unicode/uniset.h>

#include <vector>

#include "common/base/result.h"
#include "common/text/utf8.h"

namespace weft::text {
namespace {

constexpr char32_t kTableEnd = 0x30000;

void check(UErrorCode error, const char* what) {
  if (U_FAILURE(error)) throw Failure(std::string("ICU: ") + what + ": " + u_errorName(error));
}

const icu::Normalizer2& instance(NormalForm form) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* found = nullptr;
  switch (form) {
    case NormalForm::nfc:
      found = icu::Normalizer2::getNFCInstance(error);
      break;
    case NormalForm::nfd:
      found = icu::Normalizer2::getNFDInstance(error);
      break;
    case NormalForm::nfkc:
      found = icu::Normalizer2::getNFKCInstance(error);
      break;
    case NormalForm::nfkd:
      found = icu::Normalizer2::getNFKDInstance(error);
      break;
  }
  check(error, "normalization data");
  return *found;
}

icu::UnicodeSet known_code_points() {
  UErrorCode error = U_ZERO_ERROR;
  icu::UnicodeSet set(icu::UnicodeString::fromUTF8("[:age=9.0:]"), error);
  check(error, "code points by age");
  set.freeze();
  return set;
}

// A text of plain code points only is in its form already: each is itself, starts anew, and joins nothing before it.
bool plain(char32_t c, UProperty quick_check, const icu::UnicodeSet& known) {
  const auto u = static_cast<UChar32>(c);
  return !known.contains(u) || (u_getIntPropertyValue(u, quick_check) == UNORM_YES && u_getCombiningClass(u) == 0);
}

UProperty quick_check_of(NormalForm form) {
  switch (form) {
    case NormalForm::nfc:
      return UCHAR_NFC_QUICK_CHECK;
    case NormalForm::nfd:
      return UCHAR_NFD_QUICK_CHECK;
    case NormalForm::nfkc:
      return UCHAR_NFKC_QUICK_CHECK;
    case NormalForm::nfkd:
      break;
  }
  return UCHAR_NFKD_QUICK_CHECK;
}

}  // namespace

struct UnicodeNormalizer::Form {
  explicit Form(NormalForm form)
      : known(known_code_points()), normalizer(instance(form), known), plain_below_end(kTableEnd) {
    for (char32_t c = 0; c < kTableEnd; ++c) plain_below_end[c] = plain(c, quick_check_of(form), known);
  }
  icu::UnicodeSet known;
  icu::FilteredNormalizer2 normalizer;
  std::vector<bool> plain_below_end;
};

// Its tables are made once in a process.
template <NormalForm kForm>
const UnicodeNormalizer::Form* UnicodeNormalizer::shared() {
  static const Form instance(kForm);
  return &instance;
}

UnicodeNormalizer::UnicodeNormalizer(NormalForm form)
    : form_(form == NormalForm::nfc    ? shared<NormalForm::nfc>()
            : form == NormalForm::nfd  ? shared<NormalForm::nfd>()
            : form == NormalForm::nfkc ? shared<NormalForm::nfkc>()
                                       : shared<NormalForm::nfkd>()) {}

bool UnicodeNormalizer::is_plain(char32_t c) const { return c < kTableEnd && form_->plain_below_end[c]; }

void UnicodeNormalizer::normalize(std::string_view text, std::string& out) const {
  std::size_t at = 0;
  while (at < text.size()) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    const Decoded c = decode_utf8(text, at);
    if (!is_plain(c.code_point)) break;
    at += c.length;
  }
  if (at == text.size()) {
    out += text;
    return;
  }
  UErrorCode error = U_ZERO_ERROR;
  icu::StringByteSink<std::string> sink(&out);
  form_->normalizer.normalizeUTF8(0, icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())), sink,
                                  nullptr, error);
  check(error, "normalization");
}

}  // namespace weft::text
