// A shuffle from the round's own stream, cut to size.
#include "common/fl/sampling.h"

#include <algorithm>
#include <cmath>

#include "common/base/result.h"

namespace weft::fl {
namespace {

constexpr double kSlack = 1e-9;  // far above the error of a product, far below 1 / sites

std::size_t within(double count, std::size_t limit) {
  return std::clamp<std::size_t>(static_cast<std::size_t>(std::max(0.0, count)), 1, std::max<std::size_t>(limit, 1));
}

}  // namespace

std::size_t cohort_size(double fraction, std::size_t sites) {
  return within(std::floor(fraction * static_cast<double>(sites) + 0.5 + kSlack), sites);
}

std::size_t quorum_size(double quorum, std::size_t cohort) {
  return within(std::ceil(quorum * static_cast<double>(cohort) - kSlack), cohort);
}

std::vector<SiteId> draw_cohort(std::vector<SiteId> sites, double fraction, const Rng& rng, std::uint32_t round) {
  WEFT_CHECK(!sites.empty(), "a cohort of no sites");
  std::sort(sites.begin(), sites.end());
  RngStream stream = rng.stream("cohort", round);
  stream.shuffle(std::span(sites));
  sites.resize(cohort_size(fraction, sites.size()));
  std::sort(sites.begin(), sites.end());
  return sites;
}

}  // namespace weft::fl
