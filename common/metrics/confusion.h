// Counts of (label, prediction) from which the scores of a classifier follow.
//
//   confusion  C·C counts, one row of C predictions for each label: accuracy, macro F1, MCC.
#pragma once
#include "common/metrics/kind.h"

namespace weft::metrics {

class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(std::size_t classes) : classes_(classes), counts_(classes * classes) {}
  // From a tally's counts; WEFT_CHECKs that they are a square.
  explicit ConfusionMatrix(CountsView counts);
  void add(std::size_t label, std::size_t prediction, double count = 1);
  double count(std::size_t label, std::size_t prediction) const { return counts_[label * classes_ + prediction]; }
  std::size_t classes() const { return classes_; }
  const Counts& counts() const { return counts_; }
  double examples() const;

  // Each is 0 when its denominator is 0.
  double accuracy() const;
  // Mean over classes of 2·TP / (2·TP + FP + FN); a class with neither label nor prediction counts as 0, as in
  // scikit-learn's f1_score(average="macro", labels=all, zero_division=0).
  double macro_f1() const;
  // Matthews' correlation for any number of classes. Source: Gorodkin 2004, "Comparing two K-category assignments".
  double mcc() const;

 private:
  Counts sums_of(bool by_label) const;
  std::size_t classes_;
  Counts counts_;
};

// Adds it to the tally's.
void add_confusion(Tally& tally, const ConfusionMatrix& confusion);

Kind confusion_kind();

}  // namespace weft::metrics
