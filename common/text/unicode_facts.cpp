// ICU's tables, held at the versions that the reference has.
#include "common/text/unicode_facts.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <array>

#include "common/base/result.h"

namespace weft::text {
namespace {

constexpr int kCategoryVersion = 8;
constexpr int kDecompositionVersion = 9;

bool assigned_by(char32_t c, int version) {
  UVersionInfo age;
  u_charAge(static_cast<UChar32>(c), age);
  return age[0] <= version;
}

int category(char32_t c) {
  // Their category changed after Unicode 8.
  switch (c) {
    case 0x166D:
    case 0x111C9:
      return U_OTHER_PUNCTUATION;
    case 0x1734:
      return U_NON_SPACING_MARK;
    case 0x1885:
    case 0x1886:
      return U_OTHER_LETTER;
    case 0xA9BD:
      return U_COMBINING_SPACING_MARK;
    default:
      return assigned_by(c, kCategoryVersion) ? u_charType(static_cast<UChar32>(c)) : int{U_UNASSIGNED};
  }
}

const icu::Normalizer2& nfd() {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* instance = icu::Normalizer2::getNFDInstance(error);
  if (U_FAILURE(error)) throw Failure(std::string("ICU has no NFD data: ") + u_errorName(error));
  return *instance;
}

// Lower case pairs younger than Unicode 15: {first, last, distance}, where ICU may not know them yet.
struct CaseRange {
  char32_t first, last;
  std::int32_t distance;
};
constexpr std::array kYoungLowerCase = {
    CaseRange{0x1C89, 0x1C89, 1},      CaseRange{0xA7CB, 0xA7CB, 0x264 - 0xA7CB},
    CaseRange{0xA7CC, 0xA7CC, 1},      CaseRange{0xA7CE, 0xA7CE, 1},
    CaseRange{0xA7D2, 0xA7D2, 1},      CaseRange{0xA7D4, 0xA7D4, 1},
    CaseRange{0xA7DA, 0xA7DA, 1},      CaseRange{0xA7DC, 0xA7DC, 0x19B - 0xA7DC},
    CaseRange{0x10D50, 0x10D65, 0x20}, CaseRange{0x16EA0, 0x16EB8, 0x1B},
};

constexpr std::array<CodePointRange, 35> kYoungLetters = {
    {{0x1C89, 0x1C8A},   {0xA7CB, 0xA7CD},   {0xA7DA, 0xA7DC},   {0x105C0, 0x105F3}, {0x10D4A, 0x10D65},
     {0x10D6F, 0x10D85}, {0x10EC2, 0x10EC4}, {0x1123F, 0x11240}, {0x11380, 0x11389}, {0x1138B, 0x1138B},
     {0x1138E, 0x1138E}, {0x11390, 0x113B5}, {0x113B7, 0x113B7}, {0x113D1, 0x113D1}, {0x113D3, 0x113D3},
     {0x11BC0, 0x11BE0}, {0x11F02, 0x11F02}, {0x11F04, 0x11F10}, {0x11F12, 0x11F33}, {0x1342F, 0x1342F},
     {0x13441, 0x13446}, {0x13460, 0x143FA}, {0x16100, 0x1611D}, {0x16D40, 0x16D6C}, {0x18CFF, 0x18CFF},
     {0x1B132, 0x1B132}, {0x1B155, 0x1B155}, {0x1DF25, 0x1DF2A}, {0x1E030, 0x1E06D}, {0x1E4D0, 0x1E4EB},
     {0x1E5D0, 0x1E5ED}, {0x1E5F0, 0x1E5F0}, {0x2B739, 0x2B739}, {0x2EBF0, 0x2EE5D}, {0x31350, 0x323AF}}};
constexpr std::array<CodePointRange, 9> kYoungDigits = {{{0x10D40, 0x10D49},
                                                         {0x116D0, 0x116E3},
                                                         {0x11BF0, 0x11BF9},
                                                         {0x11F50, 0x11F59},
                                                         {0x16130, 0x16139},
                                                         {0x16D70, 0x16D79},
                                                         {0x1CCF0, 0x1CCF9},
                                                         {0x1E4F0, 0x1E4F9},
                                                         {0x1E5F1, 0x1E5FA}}};
constexpr CodePointRange kYoungOtherNumbers = {0x1D2C0, 0x1D2D3};

constexpr std::array<CodePointRange, 24> kYoungMarks = {
    {{0x897, 0x897},     {0xCF3, 0xCF3},     {0xECE, 0xECE},     {0x10D69, 0x10D6D}, {0x10EFC, 0x10EFF},
     {0x11241, 0x11241}, {0x113B8, 0x113C0}, {0x113C2, 0x113C2}, {0x113C5, 0x113C5}, {0x113C7, 0x113CA},
     {0x113CC, 0x113D0}, {0x113D2, 0x113D2}, {0x113E1, 0x113E2}, {0x11F00, 0x11F01}, {0x11F03, 0x11F03},
     {0x11F34, 0x11F3A}, {0x11F3E, 0x11F42}, {0x11F5A, 0x11F5A}, {0x13440, 0x13440}, {0x13447, 0x13455},
     {0x1611E, 0x1612F}, {0x1E08F, 0x1E08F}, {0x1E4EC, 0x1E4EF}, {0x1E5EE, 0x1E5EF}}};

bool in(std::span<const CodePointRange> ranges, char32_t c) {
  return std::any_of(ranges.begin(), ranges.end(), [c](const auto& range) { return c >= range[0] && c <= range[1]; });
}

std::uint32_t category_mask(char32_t c) { return U_GET_GC_MASK(static_cast<UChar32>(c)); }

}  // namespace

std::span<const CodePointRange> young_letters() { return kYoungLetters; }
std::span<const CodePointRange> young_digits() { return kYoungDigits; }
std::span<const CodePointRange> young_marks() { return kYoungMarks; }

bool is_white_space(char32_t c) { return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_WHITE_SPACE) != 0; }

bool is_other_category(char32_t c) {
  const int type = category(c);
  return type == U_CONTROL_CHAR || type == U_FORMAT_CHAR || type == U_PRIVATE_USE_CHAR || type == U_SURROGATE;
}

bool is_nonspacing_mark(char32_t c) { return category(c) == U_NON_SPACING_MARK; }

bool is_mark(char32_t c) {
  if (c == 0x1CF2 || c == 0x1CF3) return true;  // letters since Unicode 12
  if (c == 0x111C9) return false;               // a mark since Unicode 11
  return assigned_by(c, kDecompositionVersion) && (category_mask(c) & U_GC_M_MASK) != 0;
}

bool is_letter(char32_t c) { return (category_mask(c) & U_GC_L_MASK) != 0 || in(kYoungLetters, c); }
bool is_number(char32_t c) {
  return (category_mask(c) & U_GC_N_MASK) != 0 || in(kYoungDigits, c) || in({&kYoungOtherNumbers, 1}, c);
}
bool is_numeric(char32_t c) { return is_number(c) || (c >= 0x11DE0 && c <= 0x11DE9) || (c >= 0x16FF4 && c <= 0x16FF6); }

bool is_bert_punctuation(char32_t c) {
  if (c < 0x80)
    return (c > 0x20 && c < 0x30) || (c > 0x39 && c < 0x41) || (c > 0x5A && c < 0x61) || (c > 0x7A && c < 0x7F);
  return (U_MASK(category(c)) & U_GC_P_MASK) != 0;
}

bool is_bert_ideograph(char32_t c) {
  static constexpr std::array<std::array<char32_t, 2>, 8> kBlocks = {{{0x4E00, 0x9FFF},
                                                                      {0x3400, 0x4DBF},
                                                                      {0x20000, 0x2A6DF},
                                                                      {0x2A700, 0x2B73F},
                                                                      {0x2B740, 0x2B81F},
                                                                      {0x2B920, 0x2CEAF},  // as the reference has it
                                                                      {0xF900, 0xFAFF},
                                                                      {0x2F800, 0x2FA1F}}};
  return std::any_of(kBlocks.begin(), kBlocks.end(), [c](const auto& block) { return c >= block[0] && c <= block[1]; });
}

bool is_word_character(char32_t c) {
  const auto u = static_cast<UChar32>(c);
  return u_hasBinaryProperty(u, UCHAR_ALPHABETIC) != 0 || u_hasBinaryProperty(u, UCHAR_JOIN_CONTROL) != 0 ||
         (U_GET_GC_MASK(u) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0 || in(kYoungLetters, c) ||
         in(kYoungDigits, c) || in(kYoungMarks, c);
}

int combining_class(char32_t c) {
  return assigned_by(c, kDecompositionVersion) ? u_getCombiningClass(static_cast<UChar32>(c)) : 0;
}

std::u32string decompose(char32_t c) {
  icu::UnicodeString parts;
  if (!assigned_by(c, kDecompositionVersion) || nfd().getDecomposition(static_cast<UChar32>(c), parts) == 0) {
    return {c};
  }
  std::u32string out;
  for (int i = 0; i < parts.length();) {
    const UChar32 part = parts.char32At(i);
    i += U16_LENGTH(part);
    out += static_cast<char32_t>(part);
  }
  return out;
}

std::u32string lower_case(char32_t c) {
  if (c == 0x130) return U"i\u0307";  // the one code point whose lower case is two
  for (const CaseRange& range : kYoungLowerCase) {
    if (c >= range.first && c <= range.last)
      return {static_cast<char32_t>(static_cast<std::int32_t>(c) + range.distance)};
  }
  return {static_cast<char32_t>(u_tolower(static_cast<UChar32>(c)))};
}

}  // namespace weft::text
