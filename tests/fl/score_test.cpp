// Means of scores, the best version, and how long ago it was.
#include "common/fl/score.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "common/metrics/registry.h"
#include "tests/fl/round_support.h"

namespace weft::fl {
namespace {

SiteScore score(const std::string& site, std::uint32_t version, std::uint64_t examples, double accuracy,
                const std::string& split = "validation") {
  SiteScore result{.site = {site}, .version = version, .split = split, .examples = examples};
  const auto count = static_cast<double>(examples);
  if (examples > 0) result.tally = binary_tally(count, std::round(accuracy * count), 1 - accuracy);
  return result;
}

std::optional<double> accuracy(const std::vector<SiteScore>& scores, std::uint32_t version, const std::string& split) {
  const auto all = overall(scores, version, split);
  return all ? metrics::value(all->tally, "accuracy") : std::nullopt;
}

TEST(ScoreTest, OverallIsOverTheExamplesOfAllSites) {
  const std::vector<SiteScore> scores = {score("a", 1, 30, 0.5), score("b", 1, 10, 0.9), score("a", 2, 7, 0.1),
                                         score("b", 1, 10, 0.0, "test"), score("c", 1, 0, 0)};
  EXPECT_DOUBLE_EQ(accuracy(scores, 1, "validation").value(), 0.6);
  EXPECT_EQ(overall(scores, 1, "validation")->examples, 40U);
  EXPECT_DOUBLE_EQ(accuracy(scores, 1, "test").value(), 0.0);
  EXPECT_FALSE(overall(scores, 3, "validation").has_value());
  EXPECT_FALSE(overall({score("c", 1, 0, 0)}, 1, "validation").has_value());
}

TEST(ScoreTest, OrderOfScoresChangesNoBit) {
  std::vector<SiteScore> scores = {score("a", 0, 3, 0.1), score("b", 0, 7, 0.7), score("c", 0, 20, 0.3)};
  scores[1].tally.parts["loss"][0] = 1e9 + 0.1;  // beside it the sum of the others loses bits, by their order
  const metrics::Tally sum = overall(scores, 0, "validation")->tally;
  while (
      std::next_permutation(scores.begin(), scores.end(), [](const auto& a, const auto& b) { return a.site < b.site; }))
    EXPECT_EQ(overall(scores, 0, "validation")->tally, sum);
}

std::optional<std::uint32_t> best_by(const std::vector<SiteScore>& scores, const std::string& metric) {
  return best_version(validation_values(scores, metric), metric);
}
std::uint32_t since_best(const std::vector<SiteScore>& scores) {
  return versions_since_best(validation_values(scores, "accuracy"), "accuracy");
}

TEST(ScoreTest, TheDirectionIsTheMetrics) {
  std::vector<SiteScore> scores = {score("a", 0, 10, 0.5), score("a", 1, 10, 0.8), score("a", 2, 10, 0.6)};
  EXPECT_EQ(best_by(scores, "accuracy"), 1U);
  EXPECT_EQ(best_by(scores, "loss"), 1U) << "the lowest";
  scores[2].tally.parts["loss"][0] = 0.01;
  EXPECT_EQ(best_by(scores, "loss"), 2U);
  EXPECT_EQ(best_by(scores, "perplexity"), std::nullopt) << "nobody counted what it follows from";
}

TEST(ScoreTest, OfEqualValuesTheLowerLossIsBetter) {
  std::vector<SiteScore> scores = {score("a", 0, 10, 0.5), score("a", 1, 10, 0.8), score("a", 2, 10, 0.8),
                                   score("a", 3, 10, 0.8)};
  scores[2].tally.parts["loss"][0] = 0.01;
  EXPECT_EQ(best_by(scores, "accuracy"), 2U);
  EXPECT_EQ(since_best(scores), 1U);
  scores[0].tally.parts["loss"][0] = 0.001;
  EXPECT_EQ(best_by(scores, "accuracy"), 2U) << "the metric comes first";
}

TEST(ScoreTest, BestIsTheEarliestOfEquals) {
  const std::vector<SiteScore> scores = {score("a", 3, 10, 0.8), score("a", 0, 10, 0.5), score("a", 1, 10, 0.8),
                                         score("a", 2, 10, 0.6), score("a", 4, 10, 0.9, "test")};
  EXPECT_EQ(best_by(scores, "accuracy"), 1U);
  EXPECT_EQ(since_best(scores), 2U);
  EXPECT_EQ(best_version({}, "accuracy"), std::nullopt);
  EXPECT_EQ(versions_since_best({}, "accuracy"), 0U);
}

TEST(ScoreTest, VersionsThatNobodyScoredSayNothing) {
  const std::vector<SiteScore> scores = {score("a", 0, 10, 0.5), score("a", 1, 0, 0), score("a", 3, 10, 0.4)};
  EXPECT_EQ(best_by(scores, "accuracy"), 0U);
  EXPECT_EQ(since_best(scores), 1U);
}

}  // namespace
}  // namespace weft::fl
