// What sites say about a version of the adapter, and what follows from it: the best version and early stopping.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ids.h"

namespace weft::fl {

// One site's evaluation of one version. A site without examples in the split answers with 0 examples and no values.
struct SiteScore {
  SiteId site;
  std::uint32_t version = 0;
  std::string split;
  std::uint64_t examples = 0;
  std::map<std::string, double> values;  // "loss", "accuracy"
};

// Accuracy over all sites of a version on a split, weighted by examples; nullopt without scores. Same bits for any
// order of the scores.
std::optional<double> mean_accuracy(const std::vector<SiteScore>& scores, std::uint32_t version,
                                    const std::string& split);
// The version with the highest validation accuracy, the earliest of equals; nullopt when none has one.
std::optional<std::uint32_t> best_version(const std::vector<SiteScore>& scores);
// How many versions after the best one have a validation accuracy: rounds that made nothing better.
std::uint32_t versions_since_best(const std::vector<SiteScore>& scores);

}  // namespace weft::fl
