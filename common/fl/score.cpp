// Means over sites, and the best of them.
#include "common/fl/score.h"

#include <algorithm>
#include <set>

namespace weft::fl {
namespace {

constexpr const char* kValidation = "validation";

std::map<std::uint32_t, double> validation_means(const std::vector<SiteScore>& scores) {
  std::set<std::uint32_t> versions;
  for (const SiteScore& score : scores) versions.insert(score.version);
  std::map<std::uint32_t, double> means;
  for (const std::uint32_t version : versions)
    if (const auto mean = mean_accuracy(scores, version, kValidation)) means[version] = *mean;
  return means;
}

}  // namespace

std::optional<double> mean_accuracy(const std::vector<SiteScore>& scores, std::uint32_t version,
                                    const std::string& split) {
  std::map<SiteId, std::pair<double, double>> by_site;  // accuracy, weight; a map fixes the order of the sum
  for (const SiteScore& score : scores) {
    const auto accuracy = score.values.find("accuracy");
    if (score.version == version && score.split == split && score.examples > 0 && accuracy != score.values.end())
      by_site[score.site] = {accuracy->second, static_cast<double>(score.examples)};
  }
  double sum = 0, weights = 0;
  for (const auto& [site, entry] : by_site) {
    sum += entry.first * entry.second;
    weights += entry.second;
  }
  return weights > 0 ? std::optional(sum / weights) : std::nullopt;
}

std::optional<std::uint32_t> best_version(const std::vector<SiteScore>& scores) {
  const auto means = validation_means(scores);
  if (means.empty()) return std::nullopt;
  // The first of the largest: means ascend by version.
  return std::max_element(means.begin(), means.end(), [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

std::uint32_t versions_since_best(const std::vector<SiteScore>& scores) {
  const auto best = best_version(scores);
  if (!best) return 0;
  const auto means = validation_means(scores);
  return static_cast<std::uint32_t>(std::distance(means.upper_bound(*best), means.end()));
}

}  // namespace weft::fl
