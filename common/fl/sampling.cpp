// Rounding and drawing.
#include "common/fl/sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>

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

std::size_t asked_size(double over_selection, std::size_t wanted, std::size_t sites) {
  return within(std::ceil(over_selection * static_cast<double>(wanted) - kSlack), sites);
}

std::vector<SiteId> draw_evenly(std::vector<SiteId> sites, std::size_t count, RngStream& stream) {
  WEFT_CHECK(count <= sites.size(), "a draw of more sites than there are");
  stream.shuffle(std::span(sites));
  sites.resize(count);
  return sites;
}

std::vector<SiteId> draw_weighted(std::vector<SiteId> sites, std::vector<double> weights, std::size_t count,
                                  RngStream& stream) {
  WEFT_CHECK(count <= sites.size() && weights.size() == sites.size(), "a draw of more sites than there are");
  std::vector<SiteId> drawn;
  while (drawn.size() < count) {
    double at = stream.uniform() * std::accumulate(weights.begin(), weights.end(), 0.0);
    std::size_t i = 0;
    while (i + 1 < weights.size() && at >= weights[i]) at -= weights[i++];
    drawn.push_back(std::move(sites[i]));
    sites.erase(sites.begin() + static_cast<std::ptrdiff_t>(i));
    weights.erase(weights.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return drawn;
}

std::vector<SiteId> draw_each(const std::vector<SiteId>& sites, double probability, RngStream& stream) {
  WEFT_CHECK(!sites.empty() && probability > 0, "a draw from no sites");
  // Before the first that is drawn there are as many as a geometric distribution says, cut off behind the last site.
  const double none = std::log1p(-std::min(probability, 1.0));  // ln of the probability that one site is not drawn
  const double somebody = -std::expm1(static_cast<double>(sites.size()) * none);
  const double before = probability < 1 ? std::log1p(-stream.uniform() * somebody) / none : 0;
  const auto first = std::min(static_cast<std::size_t>(before), sites.size() - 1);
  std::vector<SiteId> drawn{sites[first]};
  for (std::size_t i = first + 1; i < sites.size(); ++i)
    if (stream.uniform() < probability) drawn.push_back(sites[i]);
  return drawn;
}

}  // namespace weft::fl
