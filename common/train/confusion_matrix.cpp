// Sums of rows, columns and the diagonal.
#include "common/train/confusion_matrix.h"

#include <cmath>

#include "common/base/result.h"

namespace weft::train {

void ConfusionMatrix::add(std::size_t label, std::size_t prediction, std::uint64_t count) {
  WEFT_CHECK(label < classes_ && prediction < classes_, "a class beyond the confusion matrix");
  counts_[label * classes_ + prediction] += count;
}

void ConfusionMatrix::merge(const ConfusionMatrix& other) {
  WEFT_CHECK(other.classes_ == classes_, "confusion matrices of different tasks");
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
}

std::uint64_t ConfusionMatrix::examples() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts_) sum += count;
  return sum;
}

std::vector<std::uint64_t> ConfusionMatrix::sums_of(bool by_label) const {
  std::vector<std::uint64_t> sums(classes_);
  for (std::size_t label = 0; label < classes_; ++label)
    for (std::size_t prediction = 0; prediction < classes_; ++prediction)
      sums[by_label ? label : prediction] += count(label, prediction);
  return sums;
}

double ConfusionMatrix::accuracy() const {
  std::uint64_t correct = 0;
  for (std::size_t c = 0; c < classes_; ++c) correct += count(c, c);
  return examples() == 0 ? 0 : static_cast<double>(correct) / static_cast<double>(examples());
}

double ConfusionMatrix::macro_f1() const {
  const std::vector<std::uint64_t> labelled = sums_of(true), predicted = sums_of(false);
  double sum = 0;
  for (std::size_t c = 0; c < classes_; ++c) {
    const std::uint64_t both = labelled[c] + predicted[c];  // 2·TP + FP + FN
    if (both != 0) sum += 2.0 * static_cast<double>(count(c, c)) / static_cast<double>(both);
  }
  return classes_ == 0 ? 0 : sum / static_cast<double>(classes_);
}

double ConfusionMatrix::mcc() const {
  const std::vector<std::uint64_t> labelled = sums_of(true), predicted = sums_of(false);
  const auto total = static_cast<double>(examples());
  double correct = 0, agreement = 0, labelled_squares = 0, predicted_squares = 0;
  for (std::size_t c = 0; c < classes_; ++c) {
    const auto t = static_cast<double>(labelled[c]), p = static_cast<double>(predicted[c]);
    correct += static_cast<double>(count(c, c));
    agreement += t * p;
    labelled_squares += t * t;
    predicted_squares += p * p;
  }
  const double spread = (total * total - predicted_squares) * (total * total - labelled_squares);
  return spread <= 0 ? 0 : (correct * total - agreement) / std::sqrt(spread);
}

}  // namespace weft::train
