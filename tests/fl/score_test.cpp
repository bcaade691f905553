// Means of scores, the best version, and how long ago it was.
#include "common/fl/score.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace weft::fl {
namespace {

SiteScore score(const std::string& site, std::uint32_t version, std::uint64_t examples, double accuracy,
                const std::string& split = "validation") {
  SiteScore result{.site = {site}, .version = version, .split = split, .examples = examples};
  if (examples > 0) result.values = {{"accuracy", accuracy}, {"loss", 1 - accuracy}};
  return result;
}

TEST(ScoreTest, MeanIsWeightedByExamples) {
  const std::vector<SiteScore> scores = {score("a", 1, 30, 0.5), score("b", 1, 10, 0.9), score("a", 2, 7, 0.1),
                                         score("b", 1, 10, 0.0, "test"), score("c", 1, 0, 0)};
  EXPECT_DOUBLE_EQ(mean_accuracy(scores, 1, "validation").value(), 0.6);
  EXPECT_DOUBLE_EQ(mean_accuracy(scores, 1, "test").value(), 0.0);
  EXPECT_FALSE(mean_accuracy(scores, 3, "validation").has_value());
  EXPECT_FALSE(mean_accuracy({score("c", 1, 0, 0)}, 1, "validation").has_value());
}

TEST(ScoreTest, OrderOfScoresChangesNoBit) {
  std::vector<SiteScore> scores = {score("a", 0, 3, 0.1), score("b", 0, 7, 0.7), score("c", 0, 20, 0.3)};
  const double mean = mean_accuracy(scores, 0, "validation").value();
  while (
      std::next_permutation(scores.begin(), scores.end(), [](const auto& a, const auto& b) { return a.site < b.site; }))
    EXPECT_EQ(mean_accuracy(scores, 0, "validation").value(), mean);
}

TEST(ScoreTest, BestIsTheEarliestOfEquals) {
  const std::vector<SiteScore> scores = {score("a", 3, 10, 0.8), score("a", 0, 10, 0.5), score("a", 1, 10, 0.8),
                                         score("a", 2, 10, 0.6), score("a", 4, 10, 0.9, "test")};
  EXPECT_EQ(best_version(scores), 1U);
  EXPECT_EQ(versions_since_best(scores), 2U);
  EXPECT_EQ(best_version({}), std::nullopt);
  EXPECT_EQ(versions_since_best({}), 0U);
}

TEST(ScoreTest, VersionsThatNobodyScoredSayNothing) {
  const std::vector<SiteScore> scores = {score("a", 0, 10, 0.5), score("a", 1, 0, 0), score("a", 3, 10, 0.4)};
  EXPECT_EQ(best_version(scores), 0U);
  EXPECT_EQ(versions_since_best(scores), 1U);
}

}  // namespace
}  // namespace weft::fl
