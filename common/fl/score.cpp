// Sums over sites, and the best of them.
#include "common/fl/score.h"

#include <cmath>
#include <map>

namespace weft::fl {
namespace {

constexpr const char* kValidation = "validation";
using BySite = std::map<SiteId, const SiteScore*>;

OverallScore sum_of(const BySite& scores) {
  OverallScore sum;
  for (const auto& [site, score] : scores) {
    sum.examples += score->examples;
    sum.tally.merge(score->tally);
  }
  return sum;
}

}  // namespace

std::optional<OverallScore> overall(const std::vector<SiteScore>& scores, std::uint32_t version,
                                    const std::string& split) {
  BySite by_site;
  for (const SiteScore& score : scores)
    if (score.version == version && score.split == split && score.examples > 0) by_site[score.site] = &score;
  return by_site.empty() ? std::nullopt : std::optional(sum_of(by_site));
}

VersionValues validation_values(const std::vector<SiteScore>& scores, const std::string& metric) {
  std::map<std::uint32_t, BySite> by_version;
  for (const SiteScore& score : scores)
    if (score.split == kValidation && score.examples > 0) by_version[score.version][score.site] = &score;
  VersionValues values;
  for (const auto& [version, by_site] : by_version)
    if (const auto value = metrics::standing(sum_of(by_site).tally, metric); !std::isnan(value.value))
      values[version] = value;
  return values;
}

std::optional<std::uint32_t> best_version(const VersionValues& values, const std::string& metric) {
  auto best = values.begin();
  for (auto entry = values.begin(); entry != values.end(); ++entry)
    if (metrics::is_better(metric, entry->second, best->second)) best = entry;
  return best == values.end() ? std::nullopt : std::optional(best->first);
}

std::uint32_t versions_since_best(const VersionValues& values, const std::string& metric) {
  const auto best = best_version(values, metric);
  return best ? static_cast<std::uint32_t>(std::distance(values.upper_bound(*best), values.end())) : 0;
}

}  // namespace weft::fl
