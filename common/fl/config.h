// The `rounds` and `aggregation` blocks of a run file: when a round closes, who is asked, and what is counted.
#pragma once
#include <cstdint>
#include <string>

#include "common/base/clock.h"
#include "common/config/yaml_view.h"

namespace weft::fl {

inline constexpr std::uint32_t kMostStaleness = 100;  // versions: the highest rounds.max_staleness

struct RoundsConfig {
  // synchronous: each round asks a cohort for updates of the newest version. buffered: all sites are at work all the
  // time, and a round is a number of updates, whichever come first (FedBuff, see round.h).
  enum class Mode { synchronous, buffered };

  Mode mode = Mode::synchronous;
  std::uint32_t count = 10;          // rounds of the run
  std::string cohort = "uniform";    // how a round's sites are chosen: a name in the table of cohort.cpp
  double fraction = 1;               // part of the listed sites whose updates a round wants, (0, 1]; at least one site
  double over_selection = 1;         // so many times as many are asked, and the first that come are counted; at least 1
  std::uint32_t candidates = 0;      // power_of_choice: sites drawn of which the worst are asked; 0: twice as many
  double quorum = 1;                 // part of the updates wanted that must be admitted, (0, 1]; at least one
  Milliseconds deadline{1'800'000};  // from the moment when a quorum of the cohort is at work
  std::uint32_t max_staleness = 0;   // versions by which a late update may be old; 0: a late one is refused
  std::uint32_t buffer = 0;          // updates of a buffered round
  std::uint32_t concurrency = 0;     // buffered: sites at work at once; 0: all
  std::uint32_t min_steps = 0;       // fewest steps of a site too slow for the deadline; 0: all sites take all steps
  std::uint32_t patience = 0;        // rounds without a better validation score before the run stops; 0: never
  std::uint32_t max_refusals = 3;    // rounds in which a site's update was refused before it is put aside; 0: never
  std::uint32_t local_steps = 1;     // train.local_steps, not a key of this block: the caller fills it in

  bool buffered() const { return mode == Mode::buffered; }
  // ConfigError for a value out of range, and for a key of another mode. The caller calls finish() on the root.
  static RoundsConfig parse(const YamlView& rounds);
};

struct AggregationConfig {
  std::string method = "fedavg";           // a name in the table of aggregator.cpp
  bool by_examples = true;                 // what an update weighs: its examples, or (uniform) the same as any other
  double max_update_norm = 100;            // L2; an update beyond it is refused
  double max_norm_ratio = 10;              // to the running median of the norms; beyond it refused; 0: no such limit
  std::uint64_t max_examples = 1'000'000;  // of one site; a larger claim is refused

  static AggregationConfig parse(const YamlView& aggregation);
};

// Fewest steps that an update can have.
inline std::uint32_t least_steps(const RoundsConfig& rounds) {
  return rounds.min_steps > 0 ? rounds.min_steps : rounds.local_steps;
}
// ConfigError for two blocks that do not go together. `block`: the rounds, for file and line.
void check_together(const YamlView& block, const RoundsConfig& rounds, const AggregationConfig& aggregation);

}  // namespace weft::fl
