// Cohorts follow from seed and round, and every site has its turn.
#include "common/fl/sampling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace weft::fl {
namespace {

std::vector<SiteId> sites(int count) {
  std::vector<SiteId> all;
  for (int i = 0; i < count; ++i) all.push_back({"site-" + std::to_string(i)});
  return all;
}

TEST(SamplingTest, CohortSizeRoundsHalvesUp) {
  EXPECT_EQ(cohort_size(1, 4), 4U);
  EXPECT_EQ(cohort_size(0.5, 5), 3U);
  EXPECT_EQ(cohort_size(0.5, 4), 2U);
  EXPECT_EQ(cohort_size(0.3, 4), 1U);
  EXPECT_EQ(cohort_size(0.001, 4), 1U);
  EXPECT_EQ(cohort_size(0.145, 100), 15U);  // 14.499999999999998 as doubles
  EXPECT_EQ(cohort_size(1, 1), 1U);
}

TEST(SamplingTest, QuorumSizeRoundsUp) {
  EXPECT_EQ(quorum_size(1, 4), 4U);
  EXPECT_EQ(quorum_size(0.5, 4), 2U);
  EXPECT_EQ(quorum_size(0.5, 5), 3U);
  EXPECT_EQ(quorum_size(0.51, 4), 3U);
  EXPECT_EQ(quorum_size(0.55, 100), 55U);  // 55.00000000000001 as doubles
  EXPECT_EQ(quorum_size(0.0001, 4), 1U);
}

TEST(SamplingTest, IsAscendingDistinctAndOfTheListed) {
  const auto all = sites(12);
  for (std::uint32_t round = 1; round <= 200; ++round) {
    const auto cohort = draw_cohort(all, 0.4, Rng(3), round);
    ASSERT_EQ(cohort.size(), 5U);
    EXPECT_TRUE(std::is_sorted(cohort.begin(), cohort.end()));
    EXPECT_EQ(std::set<SiteId>(cohort.begin(), cohort.end()).size(), cohort.size());
    for (const SiteId& site : cohort) EXPECT_THAT(all, testing::Contains(site));
  }
}

TEST(SamplingTest, DependsOnSeedAndRoundAlone) {
  auto reversed = sites(12);
  std::reverse(reversed.begin(), reversed.end());
  std::set<std::vector<SiteId>> by_round, by_seed;
  for (std::uint32_t i = 1; i <= 50; ++i) {
    EXPECT_EQ(draw_cohort(sites(12), 0.5, Rng(3), i), draw_cohort(reversed, 0.5, Rng(3), i));
    by_round.insert(draw_cohort(sites(12), 0.5, Rng(3), i));
    by_seed.insert(draw_cohort(sites(12), 0.5, Rng(i), 1));
  }
  EXPECT_GT(by_round.size(), 40U);
  EXPECT_GT(by_seed.size(), 40U);
}

TEST(SamplingTest, AsksEverySiteEquallyOften) {
  std::map<SiteId, int> asked;
  for (std::uint32_t round = 1; round <= 4000; ++round)
    for (const SiteId& site : draw_cohort(sites(8), 0.25, Rng(11), round)) ++asked[site];
  ASSERT_EQ(asked.size(), 8U);
  // 4000 draws with p = 1/4: mean 1000, standard deviation 27.
  for (const auto& [site, times] : asked) EXPECT_NEAR(times, 1000, 5 * 27) << site.name;
}

}  // namespace
}  // namespace weft::fl
