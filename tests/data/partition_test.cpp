// The divisions of one pool among sites: every example exactly once, the promised shape, the same for the same seed.
#include "common/data/partition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace weft::data {
namespace {

using testing::ElementsAre;

std::vector<std::int32_t> labels_of(std::size_t count, std::int32_t classes) {
  std::vector<std::int32_t> labels(count);
  for (std::size_t i = 0; i < count; ++i) labels[i] = static_cast<std::int32_t>(i * 7 % 13) % classes;
  return labels;
}

// All of 0..count-1 once, each site ascending.
void expect_exactly_once(const Partition& sites, std::size_t count) {
  std::vector<std::size_t> all;
  for (const auto& site : sites) {
    EXPECT_TRUE(std::is_sorted(site.begin(), site.end()));
    all.insert(all.end(), site.begin(), site.end());
  }
  std::sort(all.begin(), all.end());
  std::vector<std::size_t> expected(count);
  std::iota(expected.begin(), expected.end(), std::size_t{0});
  EXPECT_EQ(all, expected);
}

// Mean over the sites of the total variation distance between the site's labels and those of all.
double skew(const Partition& sites, const std::vector<std::int32_t>& labels, std::int32_t classes) {
  double sum = 0;
  for (const auto& site : sites) {
    for (std::int32_t label = 0; label < classes; ++label) {
      const auto of = [&](auto begin, auto end, auto label_at) {
        return static_cast<double>(std::count_if(begin, end, [&](auto x) { return label_at(x) == label; })) /
               static_cast<double>(end - begin);
      };
      sum += std::fabs(of(site.begin(), site.end(), [&](std::size_t i) { return labels[i]; }) -
                       of(labels.begin(), labels.end(), [](std::int32_t l) { return l; })) /
             2;
    }
  }
  return sum / static_cast<double>(sites.size());
}

TEST(PartitionTest, SizesAreWithinOneOfExact) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const std::size_t count = seed * 37 % 101;
    const std::vector<double> sizes{5, 3, 1, 0.5};
    const Partition sites = partition_by_sizes(count, sizes, Rng(seed));
    expect_exactly_once(sites, count);
    ASSERT_EQ(sites.size(), 4U);
    for (std::size_t i = 0; i < 4; ++i)
      EXPECT_LT(std::fabs(static_cast<double>(sites[i].size()) - static_cast<double>(count) * sizes[i] / 9.5), 1);
  }
}

TEST(PartitionTest, EqualSizesMixTheLabels) {
  const auto labels = labels_of(4000, 2);
  const Partition sites = partition_by_sizes(labels.size(), std::vector<double>(4, 1.0), Rng(3));
  for (const auto& site : sites) EXPECT_EQ(site.size(), 1000U);
  EXPECT_LT(skew(sites, labels, 2), 0.05);
}

TEST(PartitionTest, DirichletDealsEachExampleOnceAndLeavesNoSiteEmpty) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    for (const double alpha : {0.05, 0.5, 100.0}) {
      const auto labels = labels_of(300 + seed, 3);
      const Partition sites = partition_dirichlet(labels, 4, alpha, Rng(seed));
      expect_exactly_once(sites, labels.size());
      if (alpha >= 0.5) {
        for (const auto& site : sites) EXPECT_FALSE(site.empty()) << seed;
      }
    }
  }
}

TEST(PartitionTest, ASmallerAlphaIsMoreUnequal) {
  double unequal = 0, even = 0, near_iid = 0;
  const auto labels = labels_of(3000, 5);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    unequal += skew(partition_dirichlet(labels, 5, 0.1, Rng(seed)), labels, 5) / 20;
    even += skew(partition_dirichlet(labels, 5, 1.0, Rng(seed)), labels, 5) / 20;
    near_iid += skew(partition_dirichlet(labels, 5, 1e4, Rng(seed)), labels, 5) / 20;
  }
  EXPECT_GT(unequal, even + 0.1);
  EXPECT_GT(even, near_iid + 0.1);
  EXPECT_LT(near_iid, 0.02);
}

// The mean share of a site is 1/n, and the variance of a share is (n - 1) / (n² (n alpha + 1)).
TEST(PartitionTest, DirichletSharesHaveTheRightMoments) {
  const std::vector<std::int32_t> labels(1000, 0);
  double sum = 0, squares = 0;
  constexpr int kSeeds = 400;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const double share = static_cast<double>(partition_dirichlet(labels, 4, 2.0, Rng(seed))[0].size()) / 1000;
    sum += share;
    squares += share * share;
  }
  const double mean = sum / kSeeds, variance = squares / kSeeds - mean * mean;
  EXPECT_NEAR(mean, 0.25, 0.03);
  EXPECT_NEAR(variance, 3.0 / (16 * 9), 0.005);
}

TEST(PartitionTest, ATinyAlphaStillDealsAll) {
  const auto labels = labels_of(100, 3);
  expect_exactly_once(partition_dirichlet(labels, 4, 1e-5, Rng(1)), 100);
}

TEST(PartitionTest, ShardsAreEqualAndHoldFewLabels) {
  const auto labels = labels_of(1000, 10);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Partition sites = partition_shards(labels, 10, 2, Rng(seed));
    expect_exactly_once(sites, labels.size());
    for (const auto& site : sites) {
      EXPECT_NEAR(static_cast<double>(site.size()), 100, 2);
      std::set<std::int32_t> seen;
      for (const std::size_t index : site) seen.insert(labels[index]);
      EXPECT_LE(seen.size(), 4U);  // two shards, each across at most one border
    }
  }
}

TEST(PartitionTest, FewerExamplesThanSites) {
  expect_exactly_once(partition_by_sizes(2, std::vector<double>(5, 1.0), Rng(1)), 2);
  expect_exactly_once(partition_shards(labels_of(2, 2), 5, 3, Rng(1)), 2);
  expect_exactly_once(partition_dirichlet(labels_of(2, 2), 5, 0.5, Rng(1)), 2);
  expect_exactly_once(partition_by_sizes(0, std::vector<double>(5, 1.0), Rng(1)), 0);
}

TEST(PartitionTest, ASeedGivesOnePartition) {
  const auto labels = labels_of(200, 3);
  EXPECT_EQ(partition_dirichlet(labels, 4, 0.5, Rng(9)), partition_dirichlet(labels, 4, 0.5, Rng(9)));
  EXPECT_NE(partition_dirichlet(labels, 4, 0.5, Rng(9)), partition_dirichlet(labels, 4, 0.5, Rng(10)));
  EXPECT_NE(partition_shards(labels, 4, 2, Rng(9)), partition_shards(labels, 4, 2, Rng(10)));
  const std::vector<double> even(4, 1.0);
  EXPECT_NE(partition_by_sizes(200, even, Rng(9)), partition_by_sizes(200, even, Rng(10)));
}

// If these change, so do the results of everybody who names a seed.
TEST(PartitionTest, Golden) {
  const auto labels = labels_of(12, 3);
  using Site = std::vector<std::size_t>;
  EXPECT_THAT(partition_by_sizes(12, std::vector<double>{2, 1, 1}, Rng(7)),
              ElementsAre(Site{0, 5, 8, 9, 10, 11}, Site{1, 2, 3}, Site{4, 6, 7}));
  EXPECT_THAT(partition_dirichlet(labels, 3, 0.5, Rng(7)),
              ElementsAre(Site{1, 2, 7, 8}, Site{10, 11}, Site{0, 3, 4, 5, 6, 9}));
  EXPECT_THAT(partition_shards(labels, 3, 2, Rng(7)),
              ElementsAre(Site{3, 4, 5, 11}, Site{0, 1, 2, 6}, Site{7, 8, 9, 10}));
}

}  // namespace
}  // namespace weft::data
