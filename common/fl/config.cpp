// Ranges of the `rounds` and `aggregation` blocks.
#include "common/fl/config.h"

#include "common/base/joined.h"
#include "common/fl/aggregator.h"
#include "common/fl/cohort.h"

namespace weft::fl {
namespace {

constexpr std::int64_t kUsualStaleness = 10, kUsualBuffer = 10, kMaxCount = 1'000'000;

std::uint32_t whole(const YamlView& block, const char* key, std::int64_t fallback, std::int64_t least) {
  return static_cast<std::uint32_t>(
      block.integer(key, fallback, {.min = static_cast<double>(least), .max = kMaxCount}));
}

// Keys that mean something only beside another one's value.
void refuse_without(const YamlView& block, bool holds, const char* needed, const std::vector<const char*>& keys) {
  std::vector<std::string> there;
  for (const char* key : keys)
    if (!holds && block.has(key)) there.emplace_back(key);
  if (there.empty()) return;
  const std::string first = there.front();
  there.erase(there.begin());
  const std::string others = joined(there);
  block.fail(first, std::string("means nothing without ") + needed + "; leave it out" +
                        (others.empty() ? "" : ", and so " + others));
}

std::uint32_t parse_staleness(const YamlView& rounds, bool buffered) {
  const bool stale = rounds.choice("late", {"refuse", "stale"}, buffered ? "stale" : "refuse") == "stale";
  refuse_without(rounds, stale, "late: stale or mode: buffered", {"max_staleness"});
  const auto limit = static_cast<std::uint32_t>(
      rounds.integer("max_staleness", kUsualStaleness, {.min = buffered ? 0.0 : 1.0, .max = kMostStaleness}));
  return stale ? limit : 0;
}

}  // namespace

RoundsConfig RoundsConfig::parse(const YamlView& rounds) {
  const RoundsConfig defaults;
  RoundsConfig config;
  const NumberRange part{.min = 0, .max = 1, .exclusive_min = true};
  if (rounds.choice("mode", {"synchronous", "buffered"}, "synchronous") == "buffered") config.mode = Mode::buffered;
  refuse_without(rounds, config.buffered(), "mode: buffered", {"buffer", "concurrency"});
  refuse_without(rounds, !config.buffered(), "mode: synchronous",
                 {"cohort", "fraction", "over_selection", "candidates", "late"});
  config.count = whole(rounds, "count", defaults.count, 1);
  config.cohort = rounds.choice("cohort", cohort_names(), defaults.cohort);
  config.fraction = rounds.number("fraction", defaults.fraction, part);
  refuse_without(rounds, config.cohort != "all", "another cohort than all", {"fraction", "over_selection"});
  refuse_without(rounds, config.cohort != "poisson", "another cohort than poisson", {"over_selection"});
  refuse_without(rounds, config.fraction < 1, "a fraction below 1", {"over_selection"});
  config.over_selection = rounds.number("over_selection", defaults.over_selection, {.min = 1, .max = 10});
  refuse_without(rounds, config.cohort == "power_of_choice", "cohort: power_of_choice", {"candidates"});
  config.candidates = whole(rounds, "candidates", defaults.candidates, 0);
  config.quorum = rounds.number("quorum", defaults.quorum, part);
  config.deadline = Milliseconds(rounds.milliseconds("deadline", defaults.deadline.count()));
  if (config.deadline.count() < 1) rounds.fail("deadline", "got no time at all, expected at least 1ms");
  config.max_staleness = parse_staleness(rounds, config.buffered());
  config.buffer = config.buffered() ? whole(rounds, "buffer", kUsualBuffer, 1) : 0;
  config.concurrency = whole(rounds, "concurrency", defaults.concurrency, 0);
  config.min_steps = whole(rounds, "min_steps", defaults.min_steps, 0);
  config.patience = whole(rounds, "patience", defaults.patience, 0);
  config.max_refusals = whole(rounds, "max_refusals", defaults.max_refusals, 0);
  return config;
}

void check_together(const YamlView& block, const RoundsConfig& rounds, const AggregationConfig& aggregation) {
  if (rounds.min_steps > rounds.local_steps)
    block.fail("min_steps", "got " + std::to_string(rounds.min_steps) + ", expected at most the " +
                                std::to_string(rounds.local_steps) + " of train.local_steps");
  if (rounds.min_steps > 0 && aggregation.method != "fednova")
    block.fail("min_steps", "lets slow sites take fewer steps than others, and aggregation.method " +
                                aggregation.method +
                                " would count them all alike; choose fednova, or leave min_steps out");
}

AggregationConfig AggregationConfig::parse(const YamlView& aggregation) {
  const AggregationConfig defaults;
  AggregationConfig config;
  config.method = aggregation.choice("method", aggregator_names(), defaults.method);
  refuse_without(aggregation, config.method != "median", "another method than median", {"weights"});
  config.by_examples = aggregation.choice("weights", {"examples", "uniform"}, "examples") == "examples";
  config.max_update_norm =
      aggregation.number("max_update_norm", defaults.max_update_norm, {.min = 0, .max = 1e9, .exclusive_min = true});
  config.max_norm_ratio = aggregation.number("max_norm_ratio", defaults.max_norm_ratio, {.min = 0, .max = 1e9});
  if (config.max_norm_ratio != 0 && config.max_norm_ratio < 1)
    aggregation.fail("max_norm_ratio", "got less than 1, by which half of all updates would be refused; expected 0 " +
                                           std::string("(no such limit) or at least 1"));
  config.max_examples = static_cast<std::uint64_t>(
      aggregation.integer("max_examples", static_cast<std::int64_t>(defaults.max_examples), {.min = 1, .max = 1e12}));
  return config;
}

}  // namespace weft::fl
