// Adding up.
#include "common/metrics/tally.h"

#include "common/base/result.h"

namespace weft::metrics {

Counts& Tally::part(const std::string& kind, std::size_t size) {
  Counts& counts = parts.try_emplace(kind, size).first->second;
  WEFT_CHECK(counts.size() == size, "tallies of different tasks: \"" + kind + "\" of " + std::to_string(counts.size()) +
                                        " and of " + std::to_string(size) + " numbers");
  return counts;
}

CountsView Tally::find(const std::string& kind) const {
  const auto found = parts.find(kind);
  return found == parts.end() ? CountsView{} : CountsView(found->second);
}

void Tally::merge(const Tally& other) {
  for (const auto& [kind, counts] : other.parts) {
    Counts& sums = part(kind, counts.size());
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += counts[i];
  }
}

}  // namespace weft::metrics
