// Which sites a round asks: the choices that a run file may name in rounds.cohort. All follow from the seed, the round
// and the rounds committed before, never from who happens to be connected: that must not decide what is learned, and a
// resumed run must ask the same ones. The ledger records each cohort.
//
//   all              every site
//   uniform          each with the same probability
//   weighted         in proportion to their training examples
//   poisson          each by itself with probability `fraction`, as accountants of differential privacy suppose
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

// How useful Oort takes a site to be in `round`, which has a counted update:  n·l·(T/t)² + √(0.1·ln(round)/last), the
// factor (T/t)² only where t > T. n examples, l loss, t seconds of its last update, `last` the round that counted it, T
// `deadline` seconds. n·l is cut to `most`. The paper's root mean square of the examples' losses is taken for l, which
// is all that a site says.
double oort_utility(const SitePast& past, std::uint32_t round, double deadline, double most);

}  // namespace weft::fl
