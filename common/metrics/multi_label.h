// Several labels at once, each there or not.
//
//   multi_label  {examples, of them all labels right, then for each label: true positives, false positives, false
//                negatives}: micro F1 (of the counts' sums), macro F1 (mean over labels), subset accuracy. As
//                scikit-learn's f1_score(average=..., zero_division=0) and accuracy_score have it; definitions:
//                Tsoumakas, Katakis 2007, "Multi-label classification: an overview".
#pragma once
#include "common/metrics/kind.h"

namespace weft::metrics {

// One example, an entry each label.
void add_multi_label(Tally& tally, const std::vector<bool>& labels, const std::vector<bool>& predictions);
// Zeros for so many labels.
void add_multi_label(Tally& tally, std::size_t labels);

// One for each label, none without such counts.
std::vector<Found> found_of_labels(const Tally& tally);

Kind multi_label_kind();

}  // namespace weft::metrics
