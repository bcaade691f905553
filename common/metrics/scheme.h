// What the evaluations of a task count, and which of the values that follow decides: the best round, early stopping,
// what tables and views show first.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/metrics/tally.h"

namespace weft::metrics {

struct Scheme {
  Tally zero;           // with every kind that an evaluation may count, all numbers 0
  std::string primary;  // name of a metric
};

Scheme classification_scheme(std::size_t classes);                   // accuracy
Scheme multi_label_scheme(std::size_t labels);                       // micro F1
Scheme regression_scheme();                                          // mean squared error
Scheme token_labels_scheme(const std::vector<std::string>& labels);  // F1 of entities
Scheme language_scheme();                                            // perplexity
Scheme image_text_scheme();                                          // mean recall

// What is wrong with a tally that a site reports of so many examples: an unknown kind, a wrong number of counts, counts
// that cannot be. Nullopt: it can be merged with others of the scheme. A kind may be missing.
std::optional<std::string> fault_of(const Tally& tally, const Scheme& scheme, std::uint64_t examples);

}  // namespace weft::metrics
