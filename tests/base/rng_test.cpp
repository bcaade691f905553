#include "common/base/rng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace weft {
namespace {

// Known answers of Philox4x32-10 from the Random123 distribution (kat_vectors).
TEST(PhiloxTest, MatchesKnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

TEST(RngTest, StreamsDependOnEveryLabelAndOnNothingElse) {
  const Rng rng(7);
  auto first = rng.stream("dropout", 1, "clinic-a");
  const auto value = first.next_u64();
  EXPECT_EQ(rng.stream("dropout", 1, "clinic-a").next_u64(), value);
  EXPECT_NE(rng.stream("dropout", 2, "clinic-a").next_u64(), value);
  EXPECT_NE(rng.stream("dropout", 1, "clinic-b").next_u64(), value);
  EXPECT_NE(rng.stream("shuffle", 1, "clinic-a").next_u64(), value);
  EXPECT_NE(Rng(8).stream("dropout", 1, "clinic-a").next_u64(), value);
}

TEST(RngTest, MomentsOfNormalAndGamma) {
  auto stream = Rng(1).stream("moments");
  double sum = 0, squares = 0, gamma = 0;
  constexpr int kDraws = 200000;
  for (int i = 0; i < kDraws; ++i) {
    const double x = stream.normal();
    sum += x;
    squares += x * x;
    gamma += stream.gamma(0.5);
  }
  EXPECT_NEAR(sum / kDraws, 0.0, 0.01);
  EXPECT_NEAR(squares / kDraws, 1.0, 0.02);
  EXPECT_NEAR(gamma / kDraws, 0.5, 0.01);
}

TEST(RngTest, ShuffleIsAPermutation) {
  std::vector<int> items(100);
  for (int i = 0; i < 100; ++i) items[static_cast<std::size_t>(i)] = i;
  auto shuffled = items;
  auto stream = Rng(3).stream("shuffle");
  stream.shuffle(std::span(shuffled));
  EXPECT_NE(shuffled, items);
  std::sort(shuffled.begin(), shuffled.end());
  EXPECT_EQ(shuffled, items);
}

}  // namespace
}  // namespace weft
