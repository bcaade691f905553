// Schemes of the tasks, and what does not fit one.
#include "common/metrics/scheme.h"

#include "common/metrics/confusion.h"
#include "common/metrics/loss.h"
#include "common/metrics/registry.h"

namespace weft::metrics {

Scheme classification_scheme(std::size_t classes) {
  Scheme scheme{.primary = "accuracy"};
  add_loss(scheme.zero, 0, 0);
  add_confusion(scheme.zero, ConfusionMatrix(classes));
  return scheme;
}

std::optional<std::string> fault_of(const Tally& tally, const Scheme& scheme, std::uint64_t examples) {
  for (const auto& [name, counts] : tally.parts) {
    const CountsView expected = scheme.zero.find(name);
    const Kind* kind = find_kind(name);
    if (expected.empty() || kind == nullptr) return "counts of \"" + name + "\", which this task does not have";
    if (counts.size() != expected.size())
      return std::to_string(counts.size()) + " counts of \"" + name + "\", expected " + std::to_string(expected.size());
    if (!kind->plausible(counts)) return "counts of \"" + name + "\" that cannot be";
    if (const auto counted = kind->examples(counts); counted && *counted != static_cast<double>(examples))
      return "counts of \"" + name + "\" over " + std::to_string(static_cast<std::uint64_t>(*counted)) +
             " examples, expected " + std::to_string(examples);
  }
  return std::nullopt;
}

}  // namespace weft::metrics
