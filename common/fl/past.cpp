// Notes, and the steps that follow from them.
#include "common/fl/past.h"

#include <algorithm>
#include <cmath>

namespace weft::fl {

void Past::note(const PastRound& round) {
  for (const SiteId& site : round.cohort) ++sites_[site].misses;
  for (const CountedUpdate& update : round.updates) {
    SitePast& past = sites_[update.site];
    past.last = update;
    past.last_round = round.round;
    past.misses = 0;
    const std::uint32_t newest = round.round - 1;
    past.versions.insert(newest - std::min(update.staleness, newest));
    past.versions.erase(past.versions.begin(), past.versions.lower_bound(newest - std::min(newest, kMostStaleness)));
  }
}

const SitePast& Past::of(const SiteId& site) const {
  static const SitePast kNone;
  const auto found = sites_.find(site);
  return found == sites_.end() ? kNone : found->second;
}

std::uint32_t steps_for(const SitePast& past, const RoundsConfig& config) {
  if (config.min_steps == 0) return 0;
  double steps = config.local_steps;
  if (past.last.steps > 0 && past.last.seconds > 0) {
    const double time = 0.75 * std::chrono::duration<double>(config.deadline).count();
    steps = std::min(steps, std::round(time * past.last.steps / past.last.seconds));
  }
  if (!config.buffered()) steps = std::round(std::ldexp(steps, -static_cast<int>(std::min(past.misses, 64U))));
  return static_cast<std::uint32_t>(std::max<double>(steps, config.min_steps));
}

}  // namespace weft::fl
