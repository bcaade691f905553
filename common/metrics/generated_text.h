// Texts that a model wrote, beside the one that was expected.
//
//   generated_text  {examples, exact matches, Σ token F1, Σ ROUGE-L}: their means.
//
// Exact match and token F1 are SQuAD's (Rajpurkar et al. 2016, arXiv:1606.05250, section 6.1, and its version 2's rule
// for empty answers): in lower case, without punctuation, without the words a, an, the; F1 over words as a bag. Only
// ASCII letters change their case and only ASCII punctuation goes. ROUGE-L is Lin 2004, "ROUGE: a package for automatic
// evaluation of summaries", section 3.1, with equal weights: F1 of the longest common subsequence of words, where words
// are runs of a-z and 0-9 after lower-casing, unstemmed.
#pragma once
#include <string_view>

#include "common/metrics/kind.h"

namespace weft::metrics {

bool exact_match(std::string_view expected, std::string_view written);
double token_f1(std::string_view expected, std::string_view written);
// Takes the product of their words in time.
double rouge_l(std::string_view expected, std::string_view written);

void add_generated_text(Tally& tally, std::string_view expected, std::string_view written);

Kind generated_text_kind();

}  // namespace weft::metrics
