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

// How many candidates come before number i, the query's own.
std::size_t rank(CountsView scores, std::size_t i) {
  const double own = scores[i];
  std::size_t before = 0;
  for (std::size_t j = 0; j < scores.size(); ++j) {
    const double other = scores[j];
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

void add_ranking(Tally& tally, Query query, CountsView scores, std::size_t n, std::size_t first) {
  WEFT_CHECK(n > 0 && scores.size() % n == 0 && first + scores.size() / n <= n, "a row of scores for each query");
  const std::span<double> counts = std::span(tally.part("ranking", kSize)).subspan(query == Query::image ? 0 : kPerWay);
  for (std::size_t i = 0; i < scores.size() / n; ++i) {
    const std::size_t before = rank(scores.subspan(i * n, n), first + i);
    counts[0] += 1;
    for (std::size_t k = 0; k < kFirst.size(); ++k) counts[1 + k] += before < kFirst[k] ? 1 : 0;
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
