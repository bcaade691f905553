#include "common/metrics/regression.h"

#include <algorithm>
#include <cmath>

namespace weft::metrics {
namespace {

enum At : std::size_t { kCount, kY, kP, kYY, kPP, kYP, kAbsolute, kSquared, kSize };

double pearson(CountsView c) {
  const double n = c[kCount];
  const double spread = (n * c[kYY] - c[kY] * c[kY]) * (n * c[kPP] - c[kP] * c[kP]);
  return spread > 0 ? std::clamp((n * c[kYP] - c[kY] * c[kP]) / std::sqrt(spread), -1.0, 1.0) : std::nan("");
}

bool plausible(CountsView counts) {
  return counts.size() == kSize && std::all_of(counts.begin(), counts.end(), is_sum) && is_count(counts[kCount]) &&
         std::min({counts[kYY], counts[kPP], counts[kAbsolute], counts[kSquared]}) >= 0;
}

}  // namespace

void add_regression(Tally& tally) { tally.part("regression", kSize); }

void add_regression(Tally& tally, double target, double prediction) {
  const double off = target - prediction;
  const double numbers[kSize] = {
      1, target, prediction, target * target, prediction * prediction, target * prediction, std::abs(off), off * off};
  Counts& counts = tally.part("regression", kSize);
  for (std::size_t i = 0; i < kSize; ++i) counts[i] += numbers[i];
}

Kind regression_kind() {
  return {.name = "regression",
          .metrics = {{"mse", "MSE", Better::lower, Shown::number},
                      {"mae", "MAE", Better::lower, Shown::number},
                      {"pearson", "Pearson r", Better::higher, Shown::number}},
          .values =
              [](CountsView counts) {
                return Counts{ratio(counts[kSquared], counts[kCount]), ratio(counts[kAbsolute], counts[kCount]),
                              pearson(counts)};
              },
          .plausible = plausible,
          .examples = [](CountsView counts) { return std::optional(counts[kCount]); }};
}

}  // namespace weft::metrics
