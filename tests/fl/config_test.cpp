// What the rounds and aggregation blocks accept, and what they say about the rest.
#include "common/fl/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::fl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

RoundsConfig rounds(const std::string& yaml) { return RoundsConfig::parse(YamlView::parse(yaml, "run.yaml")); }
AggregationConfig aggregation(const std::string& yaml) {
  return AggregationConfig::parse(YamlView::parse(yaml, "run.yaml"));
}

template <class Action>
std::string error_of(const Action& action) {
  try {
    action();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(FlConfigTest, DefaultsAreTheStructs) {
  const RoundsConfig config = rounds("{}");
  EXPECT_EQ(config.count, RoundsConfig().count);
  EXPECT_EQ(config.deadline, RoundsConfig().deadline);
  EXPECT_EQ(aggregation("{}").method, "fedavg");
  EXPECT_EQ(aggregation("{}").max_examples, AggregationConfig().max_examples);
}

TEST(FlConfigTest, ReadsEveryKey) {
  const YamlView view = YamlView::parse(
      "count: 7\nfraction: 0.25\nquorum: 0.5\ndeadline: 90s\npatience: 3\nmax_refusals: 5\n", "run.yaml");
  const RoundsConfig config = RoundsConfig::parse(view);
  view.finish();
  EXPECT_EQ(config.count, 7U);
  EXPECT_EQ(config.fraction, 0.25);
  EXPECT_EQ(config.quorum, 0.5);
  EXPECT_EQ(config.deadline, Milliseconds(90'000));
  EXPECT_EQ(config.patience, 3U);
  EXPECT_EQ(config.max_refusals, 5U);
  const AggregationConfig limits =
      aggregation("{method: fedavg, max_update_norm: 12.5, max_norm_ratio: 4, max_examples: 9}");
  EXPECT_EQ(limits.max_update_norm, 12.5);
  EXPECT_EQ(limits.max_norm_ratio, 4);
  EXPECT_EQ(limits.max_examples, 9U);
}

TEST(FlConfigTest, ReadsTheKeysOfEachMode) {
  const RoundsConfig late =
      rounds("{cohort: power_of_choice, fraction: 0.5, over_selection: 1.3, candidates: 9, late: stale, min_steps: 4}");
  EXPECT_FALSE(late.buffered());
  EXPECT_EQ(late.cohort, "power_of_choice");
  EXPECT_EQ(late.over_selection, 1.3);
  EXPECT_EQ(late.candidates, 9U);
  EXPECT_EQ(late.max_staleness, 10U);
  EXPECT_EQ(late.min_steps, 4U);
  EXPECT_EQ(rounds("{late: stale, max_staleness: 3}").max_staleness, 3U);
  EXPECT_EQ(rounds("late: refuse").max_staleness, 0U);
  const RoundsConfig buffered = rounds("{mode: buffered, buffer: 5, concurrency: 20, max_staleness: 7}");
  EXPECT_TRUE(buffered.buffered());
  EXPECT_EQ(buffered.buffer, 5U);
  EXPECT_EQ(buffered.concurrency, 20U);
  EXPECT_EQ(buffered.max_staleness, 7U);
  EXPECT_EQ(rounds("mode: buffered").buffer, 10U);
  EXPECT_EQ(rounds("mode: buffered").max_staleness, 10U);
  EXPECT_FALSE(aggregation("weights: uniform").by_examples);
  EXPECT_EQ(aggregation("method: fednova").method, "fednova");
}

TEST(FlConfigTest, RefusesKeysThatMeanNothingHere) {
  for (const char* bad :
       {"buffer: 5", "concurrency: 5", "max_staleness: 5", "candidates: 5", "{fraction: 0.5, mode: buffered}",
        "{late: refuse, mode: buffered}", "{over_selection: 1.3, cohort: all}", "{fraction: 0.5, cohort: all}",
        "{over_selection: 1.3, cohort: poisson}", "{cohort: oort, mode: buffered}", "{max_staleness: 3, late: refuse}",
        "{over_selection: 1.3, cohort: uniform}"}) {
    std::string key(bad);
    if (key.front() == '{') key.erase(0, 1);
    key.resize(key.find(':'));
    EXPECT_THAT(error_of([&] { rounds(bad); }), AllOf(HasSubstr("run.yaml"), HasSubstr(key), HasSubstr("leave it out")))
        << bad;
  }
}

TEST(FlConfigTest, NamesAllKeysThatMeanNothingHere) {
  EXPECT_THAT(error_of([] { rounds("{fraction: 0.5, cohort: oort, late: stale, mode: buffered}"); }),
              HasSubstr("cohort: means nothing without mode: synchronous; leave it out, and so fraction, late"));
  EXPECT_THAT(error_of([] { aggregation("{method: median, weights: uniform}"); }),
              HasSubstr("weights: means nothing without another method than median"));
}

TEST(FlConfigTest, BlocksThatDoNotGoTogetherAreRefused) {
  const YamlView block = YamlView::parse("min_steps: 4", "run.yaml");
  const RoundsConfig fewer{.min_steps = 4, .local_steps = 20}, more{.min_steps = 21, .local_steps = 20};
  EXPECT_THAT(error_of([&] { check_together(block, fewer, {.method = "fedavg"}); }),
              AllOf(HasSubstr("run.yaml:1"), HasSubstr("choose fednova")));
  EXPECT_EQ(error_of([&] { check_together(block, fewer, {.method = "fednova"}); }), "no error");
  EXPECT_THAT(error_of([&] { check_together(block, more, {.method = "fednova"}); }), HasSubstr("train.local_steps"));
  EXPECT_EQ(error_of([&] { check_together(block, {.local_steps = 20}, {}); }), "no error");
}

TEST(FlConfigTest, ReadsTheExample) {
  const YamlView root = YamlView::load(WEFT_SOURCE_DIR "/configs/sentiment.yaml");
  EXPECT_EQ(RoundsConfig::parse(root.child("rounds")).deadline, Milliseconds(30 * 60'000));
  EXPECT_EQ(AggregationConfig::parse(root.child("aggregation")).max_update_norm, 1000);
}

TEST(FlConfigTest, RefusesValuesOutOfRangeByKey) {
  for (const char* bad : {"count: 0", "count: 1.5", "count: 5000000000", "fraction: 0", "fraction: 1.01", "quorum: 0",
                          "quorum: -1", "quorum: nan", "deadline: 0s", "deadline: 30", "patience: -1", "cohort: best",
                          "over_selection: 0.9", "late: never", "mode: fast", "min_steps: -1", "max_refusals: -1"}) {
    const std::string key = std::string(bad).substr(0, std::string(bad).find(':'));
    EXPECT_THAT(error_of([&] { rounds(bad); }), AllOf(HasSubstr(key), HasSubstr("run.yaml"))) << bad;
  }
  for (const char* bad : {"method: fedsgd", "max_update_norm: 0", "max_update_norm: inf", "max_update_norm: 1e10",
                          "max_norm_ratio: -1", "max_norm_ratio: 0.5", "max_examples: 0", "max_examples: 2e12"}) {
    const std::string key = std::string(bad).substr(0, std::string(bad).find(':'));
    EXPECT_THAT(error_of([&] { aggregation(bad); }), AllOf(HasSubstr(key), HasSubstr("run.yaml"))) << bad;
  }
  EXPECT_THAT(error_of([] { aggregation("method: fedsgd"); }), HasSubstr("fedavg"));
}

}  // namespace
}  // namespace weft::fl
