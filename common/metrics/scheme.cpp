// Schemes of the tasks, and what does not fit one.
#include "common/metrics/scheme.h"

#include "common/metrics/auroc.h"
#include "common/metrics/confusion.h"
#include "common/metrics/loss.h"
#include "common/metrics/multi_label.h"
#include "common/metrics/ranking.h"
#include "common/metrics/registry.h"
#include "common/metrics/regression.h"
#include "common/metrics/token_labels.h"

namespace weft::metrics {

Scheme classification_scheme(std::size_t classes) {
  Scheme scheme{.primary = "accuracy"};
  add_loss(scheme.zero, 0, 0);
  add_confusion(scheme.zero, ConfusionMatrix(classes));
  if (classes <= kAurocClasses) add_auroc(scheme.zero, classes == 2 ? 1 : classes);
  return scheme;
}

Scheme multi_label_scheme(std::size_t labels) {
  Scheme scheme{.primary = "micro_f1"};
  add_loss(scheme.zero, 0, 0);
  add_multi_label(scheme.zero, labels);
  return scheme;
}

Scheme regression_scheme() {
  Scheme scheme{.primary = "mse"};
  add_loss(scheme.zero, 0, 0);
  add_regression(scheme.zero);
  return scheme;
}

Scheme token_labels_scheme(const std::vector<std::string>& labels) {
  Scheme scheme{.primary = "entity_f1"};
  add_nll(scheme.zero, 0, 0);
  add_token_labels(scheme.zero, entity_types(labels).size());
  return scheme;
}

Scheme language_scheme() {
  Scheme scheme{.primary = "perplexity"};
  add_nll(scheme.zero, 0, 0);
  return scheme;
}

Scheme image_text_scheme() {
  Scheme scheme{.primary = "mean_recall"};
  add_loss(scheme.zero, 0, 0);
  add_ranking(scheme.zero);
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
