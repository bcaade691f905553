// Counts of (label, prediction) from which the scores of a classifier follow. Matrices of several sites add up, so
// scores that are not means (macro F1, MCC) are exact over all of them.
#pragma once
#include <cstdint>
#include <vector>

namespace weft::train {

class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(std::size_t classes) : classes_(classes), counts_(classes * classes) {}
  void add(std::size_t label, std::size_t prediction, std::uint64_t count = 1);
  void merge(const ConfusionMatrix& other);  // of as many classes
  std::uint64_t count(std::size_t label, std::size_t prediction) const {
    return counts_[label * classes_ + prediction];
  }
  std::size_t classes() const { return classes_; }
  std::uint64_t examples() const;

  // Each is 0 when its denominator is 0.
  double accuracy() const;
  // Mean over classes of 2·TP / (2·TP + FP + FN); a class with neither label nor prediction counts as 0, as in
  // scikit-learn's f1_score(average="macro", labels=all, zero_division=0).
  double macro_f1() const;
  // Matthews' correlation for any number of classes. Source: Gorodkin 2004, "Comparing two K-category assignments".
  double mcc() const;

 private:
  std::vector<std::uint64_t> sums_of(bool by_label) const;
  std::size_t classes_;
  std::vector<std::uint64_t> counts_;
};

}  // namespace weft::train
