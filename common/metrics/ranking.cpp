#include "common/metrics/ranking.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "common/base/result.h"

namespace weft::metrics {
namespace {

constexpr std::array<std::size_t, 3> kFirst{1, 5, 10};
constexpr std::size_t kPerWay = 1 + kFirst.size(), kSize = 2 * kPerWay;

// How many come before what belongs to query i. `stride`: from one candidate's score to the next one's.
std::size_t rank(const double* scores, std::size_t n, std::size_t stride, std::size_t i) {
  const double own = scores[i * stride];
  std::size_t before = 0;
  for (std::size_t j = 0; j < n; ++j) {
    const double other = scores[j * stride];
    if (!(other < own || (other == own && j >= i))) ++before;  // and all where a score is not a number
  }
  return before;
}

Counts values(CountsView counts) {
  Counts recalls;
  for (std::size_t way = 0; way < kSize; way += kPerWay)
    for (std::size_t k = 1; k < kPerWay; ++k) recalls.push_back(ratio(counts[way + k], counts[way]));
  recalls.push_back(std::accumulate(recalls.begin(), recalls.end(), 0.0) / static_cast<double>(recalls.size()));
  return recalls;
}

bool plausible(CountsView counts) {
  if (counts.size() != kSize || !std::all_of(counts.begin(), counts.end(), is_count)) return false;
  for (std::size_t way = 0; way < kSize; way += kPerWay)
    if (!(counts[way + 1] <= counts[way + 2] && counts[way + 2] <= counts[way + 3] && counts[way + 3] <= counts[way]))
      return false;
  return true;
}

}  // namespace

void add_ranking(Tally& tally) { tally.part("ranking", kSize); }

void add_ranking(Tally& tally, CountsView scores, std::size_t n) {
  WEFT_CHECK(scores.size() == n * n, "a score of each image with each text");
  Counts& counts = tally.part("ranking", kSize);
  const auto count = [&](std::size_t way, std::size_t before) {
    counts[way] += 1;
    for (std::size_t k = 0; k < kFirst.size(); ++k) counts[way + 1 + k] += before < kFirst[k] ? 1 : 0;
  };
  for (std::size_t i = 0; i < n; ++i) {
    count(0, rank(scores.data() + i * n, n, 1, i));
    count(kPerWay, rank(scores.data() + i, n, n, i));
  }
}

Kind ranking_kind() {
  return {.name = "ranking",
          .metrics = {{"text_recall_at_1", "text R@1"},
                      {"text_recall_at_5", "text R@5"},
                      {"text_recall_at_10", "text R@10"},
                      {"image_recall_at_1", "image R@1"},
                      {"image_recall_at_5", "image R@5"},
                      {"image_recall_at_10", "image R@10"},
                      {"mean_recall", "mean recall"}},
          .values = values,
          .plausible = plausible,
          .examples = [](CountsView counts) { return std::optional(counts[0]); }};
}

}  // namespace weft::metrics
