// Sums of rows, columns and the diagonal.
#include "common/metrics/confusion.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/base/result.h"

namespace weft::metrics {
namespace {

std::size_t root_of(std::size_t size) {
  return static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(size))));
}

bool is_square(std::size_t size) { return size > 0 && root_of(size) * root_of(size) == size; }

}  // namespace

ConfusionMatrix::ConfusionMatrix(CountsView counts)
    : classes_(root_of(counts.size())), counts_(counts.begin(), counts.end()) {
  WEFT_CHECK(is_square(counts.size()), "a confusion matrix is square");
}

void ConfusionMatrix::add(std::size_t label, std::size_t prediction, double count) {
  WEFT_CHECK(label < classes_ && prediction < classes_, "a class beyond the confusion matrix");
  counts_[label * classes_ + prediction] += count;
}

double ConfusionMatrix::examples() const { return std::accumulate(counts_.begin(), counts_.end(), 0.0); }

Counts ConfusionMatrix::sums_of(bool by_label) const {
  Counts sums(classes_);
  for (std::size_t label = 0; label < classes_; ++label)
    for (std::size_t prediction = 0; prediction < classes_; ++prediction)
      sums[by_label ? label : prediction] += count(label, prediction);
  return sums;
}

double ConfusionMatrix::accuracy() const {
  double correct = 0;
  for (std::size_t c = 0; c < classes_; ++c) correct += count(c, c);
  return examples() == 0 ? 0 : correct / examples();
}

double ConfusionMatrix::macro_f1() const {
  const Counts labelled = sums_of(true), predicted = sums_of(false);
  double sum = 0;
  for (std::size_t c = 0; c < classes_; ++c)
    sum += f1(count(c, c), predicted[c] - count(c, c), labelled[c] - count(c, c));
  return classes_ == 0 ? 0 : sum / static_cast<double>(classes_);
}

double ConfusionMatrix::mcc() const {
  const Counts labelled = sums_of(true), predicted = sums_of(false);
  const double total = examples();
  double correct = 0, agreement = 0, labelled_squares = 0, predicted_squares = 0;
  for (std::size_t c = 0; c < classes_; ++c) {
    correct += count(c, c);
    agreement += labelled[c] * predicted[c];
    labelled_squares += labelled[c] * labelled[c];
    predicted_squares += predicted[c] * predicted[c];
  }
  const double spread = (total * total - predicted_squares) * (total * total - labelled_squares);
  return spread <= 0 ? 0 : (correct * total - agreement) / std::sqrt(spread);
}

void add_confusion(Tally& tally, const ConfusionMatrix& confusion) {
  tally.merge({.parts = {{"confusion", confusion.counts()}}});
}

Kind confusion_kind() {
  return {.name = "confusion",
          .metrics = {{"accuracy", "accuracy"},
                      {"macro_f1", "macro F1", Better::higher, Shown::number},
                      {"mcc", "MCC", Better::higher, Shown::number}},
          .values =
              [](CountsView counts) {
                const ConfusionMatrix confusion(counts);
                if (confusion.examples() == 0) return Counts(3, std::nan(""));
                return Counts{confusion.accuracy(), confusion.macro_f1(), confusion.mcc()};
              },
          .plausible =
              [](CountsView counts) {
                return is_square(counts.size()) && std::all_of(counts.begin(), counts.end(), is_count);
              },
          .examples = [](CountsView counts) { return std::optional(ConfusionMatrix(counts).examples()); }};
}

}  // namespace weft::metrics
