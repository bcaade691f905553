// What the rounds and aggregation blocks accept, and what they say about the rest.
#include "common/fl/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/fl/aggregator.h"
#include "common/fl/fixed_point_mean.h"

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

TEST(FlConfigTest, ReadsTheExample) {
  const YamlView root = YamlView::load(WEFT_SOURCE_DIR "/configs/sentiment.yaml");
  EXPECT_EQ(RoundsConfig::parse(root.child("rounds")).deadline, Milliseconds(30 * 60'000));
  EXPECT_EQ(AggregationConfig::parse(root.child("aggregation")).max_update_norm, 1000);
}

TEST(FlConfigTest, RefusesValuesOutOfRangeByKey) {
  for (const char* bad :
       {"count: 0", "count: 1.5", "count: 5000000000", "fraction: 0", "fraction: 1.01", "quorum: 0", "quorum: -1",
        "quorum: nan", "deadline: 0s", "deadline: 30", "patience: -1", "max_refusals: -1"}) {
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

std::unique_ptr<ScratchFile> scratch() { return scratch_file(testing::TempDir()).value(); }

TEST(AggregatorTest, MakesEachNameOfItsTable) {
  EXPECT_THAT(aggregator_names(), ElementsAre("fedavg", "median"));
  for (const std::string& name : aggregator_names()) {
    const auto aggregator = make_aggregator({.method = name}, 4, 3, scratch);
    std::vector<float> values = {1, 2, 3};
    aggregator->apply_to(values);
    EXPECT_THAT(values, ElementsAre(1, 2, 3)) << name << ": nothing was added";
    aggregator->add(std::vector<float>{1, 0, -1}, 5);
    aggregator->apply_to(values);
    EXPECT_THAT(values, ElementsAre(2, 2, 2)) << name << ": the mean of one update is that update";
    aggregator->clear();
    aggregator->add_window(0, std::vector<float>{1, 0}, 5);
    EXPECT_EQ(aggregator->count(), 0U) << name << ": its end is to come";
    aggregator->add_window(2, std::vector<float>{-1}, 5);
    EXPECT_EQ(aggregator->count(), 1U);
    EXPECT_EQ(aggregator->examples(), 5U);
    std::vector<float> end = {5, 7};
    aggregator->apply_window(1, end);
    EXPECT_THAT(end, ElementsAre(5, 6)) << name << ": by windows as at once";
  }
  EXPECT_THROW(make_aggregator({.method = "none"}, 4, 3, scratch), ConfigError);
}

}  // namespace
}  // namespace weft::fl
