// Which sites a round asks. Drawn from all that are listed, by seed and round alone: who happens to be connected must
// not decide what is learned, and a resumed run must ask the same ones.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/base/ids.h"
#include "common/base/rng.h"

namespace weft::fl {

// fraction · sites, halves up, at least 1 and at most `sites`. Both functions read 0.55 · 100 as 55, though the product
// of doubles is a little more.
std::size_t cohort_size(double fraction, std::size_t sites);
// quorum · cohort, rounded up, at least 1.
std::size_t quorum_size(double quorum, std::size_t cohort);

// Ascending. The order of `sites` does not matter; not empty.
std::vector<SiteId> draw_cohort(std::vector<SiteId> sites, double fraction, const Rng& rng, std::uint32_t round);

}  // namespace weft::fl
