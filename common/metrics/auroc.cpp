// A histogram for each class and side.
#include "common/metrics/auroc.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/base/result.h"

namespace weft::metrics {
namespace {

constexpr double kFinest = 0.05, kReach = 6.5;  // asinh(17 / 0.05) = 6.5
constexpr std::size_t kPerClass = 2 * kAurocBins;

std::size_t bin_of(double score) {
  const double part = (std::asinh(score / kFinest) / kReach + 1) / 2 * static_cast<double>(kAurocBins);
  if (!(part > 0)) return 0;  // and what is no number
  return std::min(kAurocBins - 1, static_cast<std::size_t>(std::min(part, 1e9)));
}

struct Area {
  double pairs = 0;  // positives x negatives
  double won = 0;    // pairs in which the positive has the higher bin
  double tied = 0;   // pairs in one bin
};

Area area_of(CountsView one) {
  Area area;
  double below = 0;  // negatives in lower bins
  for (std::size_t bin = 0; bin < kAurocBins; ++bin) {
    const double negatives = one[bin], positives = one[kAurocBins + bin];
    area.won += positives * below;
    area.tied += positives * negatives;
    below += negatives;
  }
  area.pairs = below * std::accumulate(one.begin() + kAurocBins, one.end(), 0.0);
  return area;
}

// Over the classes that have both kinds.
template <class Of>
double mean(CountsView counts, Of of) {
  double sum = 0, classes = 0;
  for (std::size_t at = 0; at < counts.size(); at += kPerClass) {
    const Area area = area_of(counts.subspan(at, kPerClass));
    if (area.pairs == 0) continue;
    sum += of(area);
    classes += 1;
  }
  return ratio(sum, classes);
}

double examples_of(CountsView counts, std::size_t at) {
  const CountsView one = counts.subspan(at, kPerClass);
  return std::accumulate(one.begin(), one.end(), 0.0);
}

bool plausible(CountsView counts) {
  if (counts.empty() || counts.size() % kPerClass != 0 || !std::all_of(counts.begin(), counts.end(), is_count))
    return false;
  for (std::size_t at = kPerClass; at < counts.size(); at += kPerClass)
    if (examples_of(counts, at) != examples_of(counts, 0)) return false;
  return true;
}

}  // namespace

Counts log_odds(CountsView logits) {
  if (logits.size() == 2) return {logits[1] - logits[0]};
  Counts odds;
  for (std::size_t c = 0; c < logits.size(); ++c) {
    double largest = -HUGE_VAL, sum = 0;  // of the other classes
    for (std::size_t j = 0; j < logits.size(); ++j)
      if (j != c) largest = std::max(largest, logits[j]);
    for (std::size_t j = 0; j < logits.size(); ++j)
      if (j != c) sum += std::exp(logits[j] - largest);
    odds.push_back(logits[c] - largest - std::log(sum));
  }
  return odds;
}

void add_auroc(Tally& tally, std::size_t classes) { tally.part("auroc", kPerClass * classes); }

void add_auroc(Tally& tally, std::size_t label, CountsView scores) {
  WEFT_CHECK(label < std::max<std::size_t>(scores.size(), 2), "a label beyond the classes");
  Counts& counts = tally.part("auroc", kPerClass * scores.size());
  for (std::size_t c = 0; c < scores.size(); ++c) {
    const bool positive = scores.size() == 1 ? label == 1 : label == c;
    counts[kPerClass * c + (positive ? kAurocBins : 0) + bin_of(scores[c])] += 1;
  }
}

double auroc(CountsView counts) {
  return mean(counts, [](const Area& area) { return (area.won + area.tied / 2) / area.pairs; });
}

double auroc_error(CountsView counts) {
  return mean(counts, [](const Area& area) { return area.tied / 2 / area.pairs; });
}

Kind auroc_kind() {
  return {.name = "auroc",
          .metrics = {{"auroc", "AUROC", Better::higher, Shown::number}},
          .values = [](CountsView counts) { return Counts{auroc(counts)}; },
          .plausible = plausible,
          .examples = [](CountsView counts) { return std::optional(examples_of(counts, 0)); }};
}

}  // namespace weft::metrics
