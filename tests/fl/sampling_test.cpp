// Sizes of cohorts and quorums.
#include "common/fl/sampling.h"

#include <gtest/gtest.h>

namespace weft::fl {
namespace {

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

TEST(SamplingTest, AskedSizeRoundsUpAndStopsAtAll) {
  EXPECT_EQ(asked_size(1, 4, 9), 4U);
  EXPECT_EQ(asked_size(1.3, 10, 100), 13U);
  EXPECT_EQ(asked_size(1.1, 10, 100), 11U);  // 11.000000000000002 as doubles
  EXPECT_EQ(asked_size(1.3, 4, 100), 6U);
  EXPECT_EQ(asked_size(2, 4, 5), 5U);
}

}  // namespace
}  // namespace weft::fl
