#include "common/metrics/multi_label.h"

#include <algorithm>
#include <cmath>

#include "common/base/result.h"

namespace weft::metrics {
namespace {

enum At : std::size_t { kExamples, kExact, kLabels };         // kLabels: where they begin
enum Of : std::size_t { kTrue, kFalse, kMissed, kPerLabel };  // of one label

Counts values(CountsView counts) {
  if (counts[kExamples] == 0) return Counts(3, std::nan(""));
  double hits = 0, wrong = 0, missed = 0, sum = 0;
  std::size_t labels = 0;
  for (std::size_t at = kLabels; at < counts.size(); at += kPerLabel, ++labels) {
    hits += counts[at + kTrue];
    wrong += counts[at + kFalse];
    missed += counts[at + kMissed];
    sum += f1(counts[at + kTrue], counts[at + kFalse], counts[at + kMissed]);
  }
  return {f1(hits, wrong, missed), sum / static_cast<double>(labels), counts[kExact] / counts[kExamples]};
}

bool plausible(CountsView counts) {
  if (counts.size() <= kLabels || (counts.size() - kLabels) % kPerLabel != 0 ||
      !std::all_of(counts.begin(), counts.end(), is_count) || counts[kExact] > counts[kExamples])
    return false;
  for (std::size_t at = kLabels; at < counts.size(); at += kPerLabel)
    if (counts[at + kTrue] + counts[at + kFalse] + counts[at + kMissed] > counts[kExamples]) return false;
  return true;
}

}  // namespace

void add_multi_label(Tally& tally, std::size_t labels) { tally.part("multi_label", kLabels + kPerLabel * labels); }

void add_multi_label(Tally& tally, const std::vector<bool>& labels, const std::vector<bool>& predictions) {
  WEFT_CHECK(labels.size() == predictions.size(), "a prediction for each label");
  Counts& counts = tally.part("multi_label", kLabels + kPerLabel * labels.size());
  counts[kExamples] += 1;
  counts[kExact] += labels == predictions ? 1 : 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (!labels[i] && !predictions[i]) continue;
    const std::size_t what = labels[i] && predictions[i] ? kTrue : predictions[i] ? kFalse : kMissed;
    counts[kLabels + kPerLabel * i + what] += 1;
  }
}

std::vector<Found> found_of_labels(const Tally& tally) {
  const CountsView counts = tally.find("multi_label");
  std::vector<Found> all;
  for (std::size_t at = kLabels; at < counts.size(); at += kPerLabel)
    all.push_back({counts[at + kTrue], counts[at + kFalse], counts[at + kMissed]});
  return all;
}

Kind multi_label_kind() {
  return {.name = "multi_label",
          .metrics = {{"micro_f1", "micro F1", Better::higher, Shown::number},
                      {"macro_f1", "macro F1", Better::higher, Shown::number},
                      {"subset_accuracy", "subset accuracy"}},
          .values = values,
          .plausible = plausible,
          .examples = [](CountsView counts) { return std::optional(counts[kExamples]); }};
}

}  // namespace weft::metrics
