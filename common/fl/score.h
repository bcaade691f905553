// What sites say about a version of the adapter, and what follows from it: the best version and early stopping.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/metrics/standing.h"
#include "common/metrics/tally.h"

namespace weft::fl {

// One site's evaluation of one version. A site without examples in the split answers with 0 examples and no counts.
struct SiteScore {
  SiteId site;
  std::uint32_t version = 0;
  std::string split;
  std::uint64_t examples = 0;
  metrics::Tally tally;
};

// A version on a split over all sites that have examples. Their counts are added in the order of their names: the same
// bits for any order of the scores.
struct OverallScore {
  std::uint64_t examples = 0;
  metrics::Tally tally;
};
// nullopt without scores of sites that have examples.
std::optional<OverallScore> overall(const std::vector<SiteScore>& scores, std::uint32_t version,
                                    const std::string& split);

// How every version that has a value of the metric does on validation, over all sites.
using VersionValues = std::map<std::uint32_t, metrics::Standing>;
VersionValues validation_values(const std::vector<SiteScore>& scores, const std::string& metric);
// The version with the best of these values; of equal ones that with the lower loss, then the earliest. nullopt when
// there are none.
std::optional<std::uint32_t> best_version(const VersionValues& values, const std::string& metric);
// How many versions after the best one have a value: rounds that made nothing better.
std::uint32_t versions_since_best(const VersionValues& values, const std::string& metric);

}  // namespace weft::fl
