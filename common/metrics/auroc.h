// The area under the ROC curve: the chance that a positive example has a higher score than a negative one, ties
// counting half (Hanley, McNeil 1982, "The meaning and use of the area under a ROC curve").
//
//   auroc  for each class kAurocBins counts of negatives, then as many of positives, by score. One class (two labels,
//          class 1 against class 0), or C of them, each against the rest; their mean over the classes that have both
//          kinds is the value, as in scikit-learn's roc_auc_score(multi_class="ovr", average="macro").
//
// Scores are log-odds. Exact areas would need all scores of all sites; a histogram adds up. Examples of one bin count
// as ties, so equal scores are treated exactly, and the error is at most half of the share of pairs (positive,
// negative) that fall into one bin: auroc_error() gives that bound for the data at hand. Bins are even steps of
// asinh(score / 0.05): 0.0025 wide at score 0 and 5 % of the score far from it, so that sure and unsure models are both
// resolved. Beyond a score of about 17 (a probability of 1 - 4e-8) all is one bin.
#pragma once
#include "common/metrics/kind.h"

namespace weft::metrics {

inline constexpr std::size_t kAurocBins = 256;    // a multiple of 2: score 0 is an edge
inline constexpr std::size_t kAurocClasses = 16;  // tasks of more labels do not count it: 4 KiB a class

// The log-odds of each class from a softmax's logits; of two classes that of class 1 alone.
Counts log_odds(CountsView logits);
// Of example `label` with log-odds for each class: log p - log(1 - p). One score where there are two labels.
void add_auroc(Tally& tally, std::size_t label, CountsView scores);
// Zeros for so many classes.
void add_auroc(Tally& tally, std::size_t classes);

double auroc(CountsView counts);        // NaN where no class has both positives and negatives
double auroc_error(CountsView counts);  // the exact area is no further from it

Kind auroc_kind();

}  // namespace weft::metrics
