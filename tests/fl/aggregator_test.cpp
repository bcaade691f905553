// What every aggregation method must do, the weight of stale updates, and FedNova against its closed form.
#include "common/fl/aggregator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "common/base/result.h"
#include "common/base/rng.h"

namespace weft::fl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Values = std::vector<float>;

struct Update {
  Values values;
  Share share;
};

std::unique_ptr<Aggregator> make(const std::string& method, std::size_t parameters, std::uint32_t local_steps = 1,
                                 std::uint32_t min_steps = 1) {
  return make_aggregator(
      {.method = method, .max_update_norm = 100, .max_examples = 10'000},
      {.sites = 10, .parameters = parameters, .local_steps = local_steps, .min_steps = min_steps, .scratch = [] {
         return scratch_file(testing::TempDir()).value();
       }});
}

Values result_of(Aggregator& aggregator, const std::vector<Update>& updates, Values start) {
  for (const Update& update : updates) aggregator.add(update.values, update.share);
  aggregator.apply_to(start);
  aggregator.clear();
  return start;
}

// Of any steps up to 40 and staleness up to 9.
std::vector<Update> random_updates(std::uint64_t seed, int count, std::size_t size) {
  RngStream stream = Rng(seed).stream("updates");
  std::vector<Update> updates;
  for (int i = 0; i < count; ++i) {
    Update update{.values = Values(size),
                  .share = {.examples = 1 + stream.below(5000),
                            .steps = 1 + static_cast<std::uint32_t>(stream.below(40)),
                            .staleness = static_cast<std::uint32_t>(stream.below(10))}};
    for (float& value : update.values)
      value = static_cast<float>(stream.normal() * std::pow(10.0, stream.uniform() * 6 - 6));
    updates.push_back(std::move(update));
  }
  return updates;
}

class EachAggregator : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Table, EachAggregator, testing::ValuesIn(aggregator_names()),
                         [](const auto& tested) { return tested.param; });

TEST_P(EachAggregator, TheMeanOfOneUpdateIsThatUpdate) {
  const auto aggregator = make(GetParam(), 3, 7);
  EXPECT_THAT(result_of(*aggregator, {}, {1, 2, 3}), ElementsAre(1, 2, 3)) << "nothing was added";
  EXPECT_THAT(result_of(*aggregator, {{{1, 0, -1}, {.examples = 5, .steps = 7}}}, {1, 2, 3}), ElementsAre(2, 2, 2));
  EXPECT_THAT(result_of(*aggregator, {{{0, 1, 0}, {.examples = 5, .steps = 7}}}, {1, 2, 3}), ElementsAre(1, 3, 3))
      << "clear() left something";
}

TEST_P(EachAggregator, AnyOrderOfArrivalGivesTheSameBits) {
  const auto aggregator = make(GetParam(), 31, 40);
  auto updates = random_updates(1, 9, 31);
  const Values expected = result_of(*aggregator, updates, Values(31));
  RngStream stream = Rng(2).stream("order");
  for (int i = 0; i < 50; ++i) {
    stream.shuffle(std::span(updates));
    EXPECT_EQ(result_of(*aggregator, updates, Values(31)), expected);
  }
}

TEST_P(EachAggregator, CountsAnUpdateWhenItsLastWindowIsIn) {
  const auto aggregator = make(GetParam(), 3);
  aggregator->add_window(0, Values{1, 0}, {.examples = 5});
  EXPECT_EQ(aggregator->count(), 0U);
  aggregator->add_window(2, Values{-1}, {.examples = 5});
  EXPECT_EQ(aggregator->count(), 1U);
  EXPECT_EQ(aggregator->examples(), 5U);
  Values end = {5, 7};
  aggregator->apply_window(1, end);
  EXPECT_THAT(end, ElementsAre(5, 6)) << "by windows as at once";
}

TEST_P(EachAggregator, AStaleUpdateMovesTheAdapterLess) {
  const auto aggregator = make(GetParam(), 2);
  for (const auto& [staleness, part] : {std::pair{0U, 1.0F}, {3U, 1.0F / 2}, {8U, 1.0F / 3}}) {
    const Values moved = result_of(*aggregator, {{{3, -6}, {.examples = 20, .staleness = staleness}}}, {0, 0});
    EXPECT_NEAR(moved[0], 3 * part, 1e-6);
    EXPECT_NEAR(moved[1], -6 * part, 1e-6);
  }
}

// Of three updates of staleness 0, 3 and 8 and equal weight: (u + v/2 + w/3) / 3.
TEST(AggregatorTest, AMeanIsDividedByTheWholeWeightOfStaleUpdates) {
  for (const char* method : {"fedavg", "fednova"}) {
    const Values moved = result_of(*make(method, 3),
                                   {{{3, 0, 0}, {.examples = 20}},
                                    {{0, 3, 0}, {.examples = 20, .staleness = 3}},
                                    {{0, 0, 3}, {.examples = 20, .staleness = 8}}},
                                   {0, 0, 0});
    EXPECT_NEAR(moved[0], 1, 1e-7);
    EXPECT_NEAR(moved[1], 1.0 / 2, 1e-7);
    EXPECT_NEAR(moved[2], 1.0 / 3, 1e-7);
  }
}

// Oracle: with equal steps and nothing stale FedNova is FedAvg, bit for bit.
TEST(FedNovaTest, EqualStepsAreFedAvg) {
  auto updates = random_updates(4, 6, 17);
  for (Update& update : updates) update.share = {.examples = update.share.examples, .steps = 12};
  EXPECT_EQ(result_of(*make("fednova", 17, 12, 12), updates, Values(17)),
            result_of(*make("fedavg", 17, 12), updates, Values(17)));
}

TEST(FedNovaTest, IsItsFormula) {
  const auto updates = random_updates(5, 7, 23);
  double examples = 0, steps = 0;
  std::vector<double> by_step(23);
  for (const auto& [values, share] : updates) {
    examples += static_cast<double>(share.examples);
    steps += static_cast<double>(share.examples * share.steps);
    for (std::size_t i = 0; i < values.size(); ++i)
      by_step[i] += static_cast<double>(share.examples) * static_cast<double>(values[i]) /
                    std::sqrt(1.0 + share.staleness) / share.steps;
  }
  const Values found = result_of(*make("fednova", 23, 40), updates, Values(23));
  for (std::size_t i = 0; i < found.size(); ++i)
    EXPECT_NEAR(found[i], steps / examples * by_step[i] / examples, 1e-6 + 1e-6 * std::abs(found[i]));
}

// Sites with losses ½(x - m)² that take unequal numbers of gradient steps. The truth is the weighted mean of the m.
double fixed_point(const std::string& method, double rate) {
  constexpr struct {
    float optimum;
    Share share;
  } kSites[] = {
      {1, {.examples = 3, .steps = 2}}, {-2, {.examples = 7, .steps = 5}}, {4, {.examples = 20, .steps = 20}}};
  const auto aggregator = make(method, 1, 20);
  Values x{0};
  for (int round = 0; round < 20'000; ++round) {
    for (const auto& [optimum, share] : kSites) {
      const double moved =
          (1 - std::pow(1 - rate, share.steps)) * (static_cast<double>(optimum) - static_cast<double>(x[0]));
      aggregator->add(Values{static_cast<float>(moved)}, share);
    }
    aggregator->apply_to(x);
    aggregator->clear();
  }
  return static_cast<double>(x[0]);
}

TEST(FedNovaTest, ReachesTheTrueOptimumWhereFedAvgDoesNot) {
  constexpr double kRate = 1e-3, kTruth = (3 * 1.0 + 7 * -2.0 + 20 * 4.0) / 30;
  double pull = 0, all = 0;
  for (const auto& [weight, optimum, steps] : {std::tuple{3.0, 1.0, 2}, {7.0, -2.0, 5}, {20.0, 4.0, 20}}) {
    pull += weight * (1 - std::pow(1 - kRate, steps)) * optimum;
    all += weight * (1 - std::pow(1 - kRate, steps));
  }
  EXPECT_NEAR(fixed_point("fedavg", kRate), pull / all, 1e-4) << "the biased fixed point, in closed form";
  EXPECT_GT(std::abs(pull / all - kTruth), 0.5);
  EXPECT_NEAR(fixed_point("fednova", kRate), kTruth, 0.02) << "exact as the rate goes to 0";
}

TEST(FedNovaTest, LeavesRoomForUpdatesThatAreScaledUp) {
  for (const std::uint32_t min_steps : {1U, 40U}) {
    const auto aggregator = make("fednova", 1, 40, min_steps);
    std::vector<Update> updates(10, {{100}, {.examples = 10'000, .steps = min_steps}});
    EXPECT_NEAR(result_of(*aggregator, updates, {0})[0], 100, 1e-3) << "nothing overflowed";
  }
  try {
    make_aggregator({.method = "fednova", .max_update_norm = 1e5, .max_examples = 1'000'000},
                    {.sites = 10, .parameters = 1, .local_steps = 10'000, .min_steps = 1});
    FAIL() << "no precision is left";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("max_update_norm"));
  }
}

TEST(AggregatorTest, AnUnknownNameIsRefused) {
  EXPECT_THROW(make_aggregator({.method = "none"}, {.parameters = 3}), ConfigError);
}

}  // namespace
}  // namespace weft::fl
