// Facts about code points as the reference tokenizers library has them, whatever the version of the installed ICU.
// The reference takes general categories from Unicode 8, decompositions from Unicode 9 and lower case from its Rust
// toolchain (Unicode 17): code points of a later age are unassigned to the first two. Its regular expressions are those
// of Unicode 16. Equality was checked for every
// code point; scripts/make_tokenizer_fixtures.py --code-points repeats that check.
#pragma once
#include <array>
#include <span>
#include <string>

namespace weft::text {

bool is_white_space(char32_t c);        // property White_Space
bool is_other_category(char32_t c);     // Cc, Cf, Co; unassigned ones are not
bool is_nonspacing_mark(char32_t c);    // Mn
bool is_mark(char32_t c);               // M*, of Unicode 9
bool is_letter(char32_t c);             // L*, of Unicode 16
bool is_number(char32_t c);             // N*, of Unicode 16
bool is_numeric(char32_t c);            // N*, of Unicode 17
bool is_bert_punctuation(char32_t c);   // ASCII punctuation and symbols, and P*
bool is_bert_ideograph(char32_t c);     // the blocks that BERT sets apart by spaces
bool is_word_character(char32_t c);     // \w of regular expressions
int combining_class(char32_t c);        // canonical
std::u32string decompose(char32_t c);   // full canonical decomposition, itself when there is none
std::u32string lower_case(char32_t c);  // without context: sigma is never final

// Code points of Unicode 16 that Unicode 14 did not have: {first, last} each.
using CodePointRange = std::array<char32_t, 2>;
std::span<const CodePointRange> young_letters();
std::span<const CodePointRange> young_digits();  // Nd; of the other numbers U+1D2C0 to U+1D2D3 are young
std::span<const CodePointRange> young_marks();

}  // namespace weft::text
