// The `rounds` and `aggregation` blocks of a run file: when a round closes, who is asked, and what is counted.
#pragma once
#include <cstdint>
#include <string>

#include "common/base/clock.h"
#include "common/config/yaml_view.h"

namespace weft::fl {

struct RoundsConfig {
  std::uint32_t count = 10;          // rounds of the run
  double fraction = 1;               // part of the listed sites asked in a round, (0, 1]; at least one site
  double quorum = 1;                 // part of those asked whose updates must be admitted, (0, 1]; at least one
  Milliseconds deadline{1'800'000};  // from the moment when a quorum of the cohort is at work
  std::uint32_t patience = 0;        // rounds without a better validation score before the run stops; 0: never
  std::uint32_t max_refusals = 3;    // rounds in which a site's update was refused before it is put aside; 0: never

  // ConfigError for a value out of range. The caller calls finish() on the root.
  static RoundsConfig parse(const YamlView& rounds);
};

struct AggregationConfig {
  std::string method = "fedavg";           // a name in the table of aggregator.cpp
  double max_update_norm = 100;            // L2; an update beyond it is refused
  double max_norm_ratio = 10;              // to the running median of the norms; beyond it refused; 0: no such limit
  std::uint64_t max_examples = 1'000'000;  // of one site; a larger claim is refused

  static AggregationConfig parse(const YamlView& aggregation);
};

}  // namespace weft::fl
