// Sizes and draws of which the choices of a cohort are made (cohort.h).
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/base/ids.h"
#include "common/base/rng.h"

namespace weft::fl {

// fraction · sites, halves up, at least 1 and at most `sites`. These functions read 0.55 · 100 as 55, though the
// product of doubles is a little more.
std::size_t cohort_size(double fraction, std::size_t sites);
// quorum · cohort, rounded up, at least 1.
std::size_t quorum_size(double quorum, std::size_t cohort);
// over_selection · wanted, rounded up, at most `sites`.
std::size_t asked_size(double over_selection, std::size_t wanted, std::size_t sites);

// Each site with the same probability, without replacement; `count` is at most their number.
std::vector<SiteId> draw_evenly(std::vector<SiteId> sites, std::size_t count, RngStream& stream);
// One after the other without replacement, each time in proportion to the weights of those that are left; weights are
// positive. In the order of the draws.
std::vector<SiteId> draw_weighted(std::vector<SiteId> sites, std::vector<double> weights, std::size_t count,
                                  RngStream& stream);
// Each site by itself with that probability, given that it leaves somebody.
std::vector<SiteId> draw_each(const std::vector<SiteId>& sites, double probability, RngStream& stream);

}  // namespace weft::fl
