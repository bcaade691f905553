// What later decisions need of the rounds that were committed, by site: who is chosen, how many steps it is given, and
// which of its updates were counted already. Made from the ledger after a crash, and kept up to date round by round by
// the same function, so that a resumed run decides as the unbroken one.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "common/base/ids.h"
#include "common/fl/config.h"

namespace weft::fl {

// One update that a round counted, as the ledger keeps it. What its site measured is 0 where it said nothing.
struct CountedUpdate {
  SiteId site;
  std::uint32_t staleness = 0;  // versions between the one it came from and the round's
  std::uint64_t examples = 0;   // in the site's training split
  double loss = 0;              // mean over its steps
  double steps = 0, seconds = 0;
};

struct PastRound {
  std::uint32_t round = 0;
  std::vector<SiteId> cohort;  // who was asked
  std::vector<CountedUpdate> updates;
};

struct SitePast {
  CountedUpdate last;                // its newest counted update
  std::uint32_t last_round = 0;      // which counted that; 0: none yet
  std::uint32_t misses = 0;          // rounds since then that asked it and did not count it
  std::set<std::uint32_t> versions;  // from which its counted updates came; the last kMostStaleness + 1
};

class Past {
 public:
  void note(const PastRound& round);  // in their order
  const SitePast& of(const SiteId& site) const;

 private:
  std::map<SiteId, SitePast> sites_;
};

// The local steps that a site is given. All of them, unless rounds.min_steps is set: then as many as it should manage
// in three quarters of the deadline (the rest is for the transfers and scoring) by its last update's steps a second,
// halved for each round since that asked it in vain, and at least min_steps. 0: min_steps is not set.
std::uint32_t steps_for(const SitePast& past, const RoundsConfig& config);

}  // namespace weft::fl
