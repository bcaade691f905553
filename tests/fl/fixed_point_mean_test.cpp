// The mean in fixed point: the same bits in any order, close to the mean in floating point, and never an overflow.
#include "common/fl/fixed_point_mean.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "common/base/result.h"
#include "common/base/rng.h"
#include "common/fl/admission.h"

namespace weft::fl {
namespace {

using testing::HasSubstr;
using Values = std::vector<float>;

struct Update {
  Values values;
  std::uint64_t examples = 0;
};

std::vector<Update> random_updates(std::uint64_t seed, int count, std::size_t size) {
  RngStream stream = Rng(seed).stream("updates");
  std::vector<Update> updates;
  for (int i = 0; i < count; ++i) {
    Update update{.values = Values(size), .examples = 1 + stream.below(5000)};
    // Magnitudes from 1e-6 to 10, so that sums in floating point do depend on their order.
    for (float& value : update.values)
      value = static_cast<float>(stream.normal() * std::pow(10.0, stream.uniform() * 7 - 6));
    updates.push_back(std::move(update));
  }
  return updates;
}

constexpr int kBits = 34;

Values mean_onto(const std::vector<Update>& updates, Values start, int bits = kBits) {
  FixedPointMean mean(start.size(), bits);
  for (const Update& update : updates) mean.add(update.values, update.examples);
  mean.apply_to(start);
  return start;
}

Values ramp(std::size_t size) {
  Values values(size);
  for (std::size_t i = 0; i < size; ++i) values[i] = 0.01F * static_cast<float>(i) - 0.5F;
  return values;
}

Values float_mean_onto(const std::vector<Update>& updates, Values start) {
  Values sums(start.size());
  float weights = 0;
  for (const Update& update : updates) {
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += update.values[i] * static_cast<float>(update.examples);
    weights += static_cast<float>(update.examples);
  }
  for (std::size_t i = 0; i < sums.size(); ++i) start[i] += sums[i] / weights;
  return start;
}

TEST(FixedPointMeanTest, AnyOrderOfArrivalGivesTheSameBits) {
  auto updates = random_updates(1, 9, 101);
  const Values expected = mean_onto(updates, Values(101)), in_floats = float_mean_onto(updates, Values(101));
  RngStream stream = Rng(2).stream("order");
  bool floats_differ = false;
  for (int i = 0; i < 100; ++i) {
    stream.shuffle(std::span(updates));
    EXPECT_EQ(mean_onto(updates, Values(101)), expected);
    floats_differ |= float_mean_onto(updates, Values(101)) != in_floats;
  }
  EXPECT_TRUE(floats_differ) << "these updates could not tell a sum in floating point from one in integers";
}

TEST(FixedPointMeanTest, ASiteSplitIntoTwoChangesNoBit) {
  auto updates = random_updates(3, 4, 57);
  updates[2].examples = 2 * 713;
  const Values expected = mean_onto(updates, ramp(57));
  updates[2].examples = 713;
  updates.push_back(updates[2]);
  EXPECT_EQ(mean_onto(updates, ramp(57)), expected);
}

TEST(FixedPointMeanTest, AnUpdateOfZerosOnlyScales) {
  auto updates = random_updates(4, 3, 40);
  std::uint64_t n = 0;
  for (const Update& update : updates) n += update.examples;
  const Values before = mean_onto(updates, Values(40));
  updates.push_back({.values = Values(40), .examples = 1234});
  const Values after = mean_onto(updates, Values(40));
  const double factor = static_cast<double>(n) / static_cast<double>(n + 1234);
  for (std::size_t i = 0; i < before.size(); ++i)
    EXPECT_NEAR(after[i], factor * before[i], 1e-6 * std::abs(before[i]) + 1e-12) << i;
}

// Oracle: one site, so the new adapter is the locally trained one, up to the last bit.
TEST(FixedPointMeanTest, OneSiteGetsItsOwnAdapter) {
  const Values start = ramp(64);
  Values trained = start, update(64);
  RngStream stream = Rng(5).stream("trained");
  for (float& value : trained) value += static_cast<float>(0.1 * stream.normal());
  for (std::size_t i = 0; i < update.size(); ++i) update[i] = trained[i] - start[i];
  const Values result = mean_onto({{update, 4711}}, start, 40);
  for (std::size_t i = 0; i < result.size(); ++i) {
    // What floating point makes of start + (trained - start) is within an ulp of the larger of the two.
    const float scale = std::max(std::abs(trained[i]), std::abs(start[i]));
    const float ulp = std::nextafter(scale, std::numeric_limits<float>::infinity()) - scale;
    EXPECT_NEAR(result[i], trained[i], ulp) << i;
  }
}

TEST(FixedPointMeanTest, IsTheWeightedMeanOfDoubles) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto updates = random_updates(seed, 1 + static_cast<int>(seed % 7), 33);
    std::vector<double> sums(33);
    double n = 0;
    for (const Update& update : updates) {
      n += static_cast<double>(update.examples);
      for (std::size_t i = 0; i < sums.size(); ++i)
        sums[i] += static_cast<double>(update.examples) * static_cast<double>(update.values[i]);
    }
    const Values mean = mean_onto(updates, Values(33));
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const double exact = sums[i] / n;
      EXPECT_NEAR(mean[i], exact, std::ldexp(0.5, -kBits) + std::abs(exact) * 0x1p-24) << seed << ' ' << i;
    }
  }
}

TEST(FixedPointMeanTest, RoundsToTheNearestHalvesToEven) {
  const float step = std::ldexp(1.0F, -20);
  const Values values = {0.5F * step, 1.5F * step, -0.5F * step, -1.5F * step, 0.51F * step, -2.4F * step};
  const Values expected = {0, 2 * step, 0, -2 * step, step, -2 * step};
  EXPECT_EQ(mean_onto({{values, 1}}, Values(6), 20), expected);
}

TEST(FixedPointMeanTest, ClearStartsAfresh) {
  FixedPointMean mean(2, kBits);
  mean.add(Values{1, 2}, 3);
  EXPECT_EQ(mean.examples(), 3U);
  EXPECT_EQ(mean.count(), 1U);
  mean.clear();
  EXPECT_EQ(mean.examples(), 0U);
  EXPECT_EQ(mean.count(), 0U);
  Values values = {5, 6};
  mean.apply_to(values);
  EXPECT_EQ(values, (Values{5, 6}));
  mean.add(Values{1, -1}, 1);
  mean.apply_to(values);
  EXPECT_EQ(values, (Values{6, 5}));
  EXPECT_ANY_THROW(mean.add(Values{1, 2, 3}, 1));
}

TEST(FractionBitsTest, AreTheMostThatCannotOverflow) {
  EXPECT_EQ(fraction_bits({.max_update_norm = 100, .max_examples = 1'000'000}, 4), 33);
  EXPECT_EQ(fraction_bits({.max_update_norm = 1000, .max_examples = 1'000'000}, 4), 30);
  EXPECT_EQ(fraction_bits({.max_update_norm = 1, .max_examples = 1}, 1), 40);
  EXPECT_EQ(fraction_bits({.max_update_norm = 1, .max_examples = 1U << 22}, 1), 39);  // less than 2^62, not equal
  EXPECT_EQ(fraction_bits({.max_update_norm = 4096, .max_examples = 1}, 1), 38);      // what add() can round
}

TEST(FractionBitsTest, LimitsThatLeaveNoPrecisionAreRefusedByName) {
  try {
    fraction_bits({.max_update_norm = 1e6, .max_examples = 100'000'000}, 64);
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("aggregation.max_update_norm (1e+06)"), HasSubstr("64 sites"),
                                    HasSubstr("aggregation.max_examples (100000000)")));
  }
}

// Every site sends the most that admission lets through, all of it in one value: the sum is the largest there is.
TEST(FixedPointMeanTest, TheLargestUpdatesOfAllSitesDoNotOverflow) {
  const AggregationConfig cases[] = {{.max_update_norm = 100, .max_examples = 1'000'000},
                                     {.max_update_norm = 1e6, .max_examples = 1000},
                                     {.max_update_norm = 4095, .max_examples = 1},
                                     {.max_update_norm = 0.75, .max_examples = 4'194'303}};
  for (const AggregationConfig& limits : cases)
    for (const std::size_t sites : {1U, 3U, 64U, 1000U}) {
      const int bits = fraction_bits(limits, sites);
      for (const float sign : {1.0F, -1.0F}) {
        const Values update = {sign * static_cast<float>(limits.max_update_norm), 0};
        ASSERT_FALSE(refusal(NormSum(update), {}, limits));
        FixedPointMean mean(2, bits);
        for (std::size_t i = 0; i < sites; ++i) mean.add(update, limits.max_examples);
        Values values = {0, 1};
        mean.apply_to(values);
        EXPECT_EQ(values, (Values{update[0], 1})) << limits.max_update_norm << ' ' << sites;
      }
    }
}

}  // namespace
}  // namespace weft::fl
