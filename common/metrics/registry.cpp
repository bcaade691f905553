// The kinds of counts, and what is common to them.
#include "common/metrics/registry.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "common/base/result.h"
#include "common/metrics/auroc.h"
#include "common/metrics/confusion.h"
#include "common/metrics/generated_text.h"
#include "common/metrics/loss.h"
#include "common/metrics/multi_label.h"
#include "common/metrics/ranking.h"
#include "common/metrics/regression.h"
#include "common/metrics/token_labels.h"

namespace weft::metrics {
namespace {

constexpr double kMostCount = 1e12;  // of one number: sums over all sites stay exact
constexpr double kMostSum = 1e100;   // nothing overflows when such are squared

constexpr std::array<std::string_view, 2> kLosses{"loss", "nll"};  // of an example, of a token

struct Needless {
  std::string_view kind, metric;
};
// A regression's loss is its MSE; a perplexity is of texts that are foretold.
constexpr std::array<Needless, 2> kNeedless{{{"regression", "loss"}, {"token_labels", "perplexity"}}};

}  // namespace

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> kKinds{loss_kind(),       nll_kind(),   confusion_kind(),    multi_label_kind(),
                                        regression_kind(), auroc_kind(), token_labels_kind(), generated_text_kind(),
                                        ranking_kind()};
  return kKinds;
}

bool is_count(double number) { return number >= 0 && number <= kMostCount && number == std::floor(number); }
bool is_sum(double number) { return std::abs(number) <= kMostSum; }
double ratio(double numerator, double denominator) { return denominator == 0 ? std::nan("") : numerator / denominator; }
double f1(double true_positive, double false_positive, double false_negative) {
  const double denominator = 2 * true_positive + false_positive + false_negative;
  return denominator == 0 ? 0 : 2 * true_positive / denominator;
}

const Kind* find_kind(std::string_view name) {
  const auto found = std::find_if(kinds().begin(), kinds().end(), [&](const Kind& kind) { return kind.name == name; });
  return found == kinds().end() ? nullptr : &*found;
}

const Metric* find_metric(std::string_view name) {
  for (const Kind& kind : kinds())
    for (const Metric& metric : kind.metrics)
      if (metric.name == name) return &metric;
  return nullptr;
}

std::map<std::string, double> values(const Tally& tally) {
  std::map<std::string, double> all;
  for (const auto& [name, counts] : tally.parts) {
    const Kind* kind = find_kind(name);
    WEFT_CHECK(kind != nullptr, "a tally of an unknown kind: \"" + name + "\"");
    const Counts numbers = kind->values(counts);
    for (std::size_t i = 0; i < numbers.size(); ++i)
      if (!std::isnan(numbers[i])) all[kind->metrics[i].name] = numbers[i];
  }
  return all;
}

std::optional<double> value(const Tally& tally, std::string_view metric) {
  const auto all = values(tally);
  const auto found = all.find(std::string(metric));
  return found == all.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::pair<std::string, double>> listed(const Tally& tally, std::string_view primary) {
  const std::map<std::string, double> all = values(tally);
  const auto is_needless = [&](const Metric& metric) {
    return std::any_of(kNeedless.begin(), kNeedless.end(), [&](const Needless& one) {
      return one.metric == metric.name && metric.name != primary && tally.parts.contains(std::string(one.kind));
    });
  };
  std::vector<std::pair<std::string, double>> list;
  for (const Kind& kind : kinds()) {
    if (!tally.parts.contains(kind.name)) continue;
    for (const Metric& metric : kind.metrics)
      if (const auto found = all.find(metric.name); found != all.end() && !is_needless(metric)) list.push_back(*found);
  }
  std::stable_partition(list.begin(), list.end(), [&](const auto& entry) { return entry.first == primary; });
  return list;
}

std::string shown(const std::vector<std::pair<std::string, double>>& listed) {
  std::string text;
  for (const auto& [name, value] : listed)
    text.append(text.empty() ? "" : ", ").append(title(name)).append(" ").append(shown(name, value));
  return text;
}

std::optional<double> loss(const Tally& tally) {
  for (const std::string_view name : kLosses)
    if (const auto found = value(tally, name)) return found;
  return std::nullopt;
}

bool is_loss(std::string_view metric) { return std::find(kLosses.begin(), kLosses.end(), metric) != kLosses.end(); }

bool is_better(std::string_view metric, double first, double second) {
  const Metric* facts = find_metric(metric);
  WEFT_CHECK(facts != nullptr, "no such metric: \"" + std::string(metric) + "\"");
  return facts->better == Better::higher ? first > second : first < second;
}

std::string shown(std::string_view metric, double value) {
  const Metric* facts = find_metric(metric);
  const bool percent = facts != nullptr && facts->shown == Shown::percent;
  char text[64];
  std::snprintf(text, sizeof text, percent ? "%.1f %%" : "%.4f", percent ? 100 * value : value);
  return text;
}

std::string title(std::string_view metric) {
  const Metric* facts = find_metric(metric);
  return facts == nullptr ? std::string(metric) : facts->title;
}

}  // namespace weft::metrics
