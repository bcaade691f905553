// Which sites a round asks: the choices that a run file may name in rounds.cohort. All follow from the seed, the round
// and the rounds committed before, never from who happens to be connected: that must not decide what is learned, and a
// resumed run must ask the same ones. The ledger records each cohort.
//
//   all              every site
//   uniform          each with the same probability
//   weighted         in proportion to their training examples
//   poisson          each by itself with probability `fraction`, given that it leaves somebody; it is what accountants
//                    of differential privacy call Poisson sampling only where it hardly ever leaves nobody
//   power_of_choice  of `candidates` sites drawn in proportion to their examples, those with the highest loss.
//                    Cho et al. 2020, "Client selection in federated learning", arXiv:2010.01243, variant rpow-d: the
//                    loss is that of the site's last counted update, and infinite before its first
//   oort             by utility: much to learn, soon back, not heard of for long; and a part of sites never tried.
//                    Lai et al. 2021, "Oort: efficient federated learning via guided participant selection",
//                    arXiv:2010.06081
// What is not known of a site before its first counted update: its examples are taken for the mean of the others'.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/base/rng.h"
#include "common/fl/config.h"
#include "common/fl/past.h"

namespace weft::fl {

std::vector<std::string> cohort_names();

struct Cohort {
  std::vector<SiteId> sites;  // asked; ascending
  std::size_t wanted = 1;     // updates that close the round: fewer than were asked where over_selection is above 1
};
// The order of `sites` does not matter; not empty. `config.cohort` is one of the names.
Cohort choose_cohort(const RoundsConfig& config, std::vector<SiteId> sites, const Past& past, const Rng& rng,
                     std::uint32_t round);

// What Oort holds a site against: of all that have a counted update.
struct OortScale {
  double least = 0, most = 0;  // n·l: the smallest, and what 95 of 100 do not exceed
  double seconds = 0;          // the median
};

// How useful Oort takes a site to be in `round`, which has a counted update:  (u + √(0.1·ln(round)/last)) · (T/t)², the
// factor (T/t)² only where t > T. u is n·l, cut to `most`, as a part of the way from `least` to `most`; n examples, l
// loss, t seconds of its last update, `last` the round that counted it, T `scale.seconds`. So are the paper's algorithm
// 1 and its authors' code, but for two things: a site says its mean loss alone, which is taken for the root mean square
// of its examples' losses; and T is the median of the times, where theirs moves with how the run goes.
double oort_utility(const SitePast& past, std::uint32_t round, const OortScale& scale);

}  // namespace weft::fl
