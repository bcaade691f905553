// Ranges of the `rounds` and `aggregation` blocks.
#include "common/fl/config.h"

#include "common/fl/aggregator.h"

namespace weft::fl {

RoundsConfig RoundsConfig::parse(const YamlView& rounds) {
  const RoundsConfig defaults;
  RoundsConfig config;
  const NumberRange part{.min = 0, .max = 1, .exclusive_min = true};
  config.count = static_cast<std::uint32_t>(rounds.integer("count", defaults.count, {.min = 1, .max = 1e6}));
  config.fraction = rounds.number("fraction", defaults.fraction, part);
  config.quorum = rounds.number("quorum", defaults.quorum, part);
  config.deadline = Milliseconds(rounds.milliseconds("deadline", defaults.deadline.count()));
  if (config.deadline.count() < 1) rounds.fail("deadline", "got no time at all, expected at least 1ms");
  config.patience = static_cast<std::uint32_t>(rounds.integer("patience", defaults.patience, {.min = 0, .max = 1e6}));
  config.max_refusals =
      static_cast<std::uint32_t>(rounds.integer("max_refusals", defaults.max_refusals, {.min = 0, .max = 1e6}));
  return config;
}

AggregationConfig AggregationConfig::parse(const YamlView& aggregation) {
  const AggregationConfig defaults;
  AggregationConfig config;
  config.method = aggregation.choice("method", aggregator_names(), defaults.method);
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
