#include "common/metrics/token_labels.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "common/base/result.h"

namespace weft::metrics {
namespace {

enum At : std::size_t { kTokens, kRight, kTypes };                 // kTypes: where they begin
enum Of : std::size_t { kThere, kPredicted, kCorrect, kPerType };  // of one type

// Over all types.
struct Sums {
  double there = 0, predicted = 0, correct = 0;
};

Sums sums_of(CountsView c) {
  Sums sums;
  for (std::size_t at = kTypes; at < c.size(); at += kPerType) {
    sums.there += c[at + kThere];
    sums.predicted += c[at + kPredicted];
    sums.correct += c[at + kCorrect];
  }
  return sums;
}

bool plausible(CountsView c) {
  if (c.size() < kTypes || (c.size() - kTypes) % kPerType != 0 || !std::all_of(c.begin(), c.end(), is_count) ||
      c[kRight] > c[kTokens])
    return false;
  for (std::size_t at = kTypes; at < c.size(); at += kPerType)
    if (c[at + kCorrect] > std::min(c[at + kThere], c[at + kPredicted])) return false;
  const Sums sums = sums_of(c);
  return std::max(sums.there, sums.predicted) <= c[kTokens];
}

Counts values(CountsView c) {
  if (c[kTokens] == 0) return Counts(4, std::nan(""));
  const auto [there, predicted, correct] = sums_of(c);
  const auto part = [correct = correct](double of) { return of == 0 ? 0 : correct / of; };
  return {c[kRight] / c[kTokens], part(predicted), part(there), f1(correct, predicted - correct, there - correct)};
}

}  // namespace

std::vector<Entity> entities(const std::vector<std::string>& tags) {
  std::vector<Entity> all;
  bool open = false;  // the last entity goes on until now
  for (std::size_t i = 0; i < tags.size(); ++i) {
    const std::string& tag = tags[i];
    const bool begins = tag.starts_with("B-"), goes_on = tag.starts_with("I-");
    if (!begins && !goes_on) {
      open = false;
      continue;
    }
    const std::string type = tag.substr(2);
    if (goes_on && open && all.back().type == type)
      all.back().last = i;
    else
      all.push_back({type, i, i});
    open = true;
  }
  return all;
}

std::vector<std::string> entity_types(const std::vector<std::string>& labels) {
  std::vector<std::string> types;
  for (const std::string& label : labels)
    if (label.starts_with("B-") || label.starts_with("I-"))
      if (std::string type = label.substr(2); std::find(types.begin(), types.end(), type) == types.end())
        types.push_back(std::move(type));
  return types;
}

void add_token_labels(Tally& tally, std::size_t types) { tally.part("token_labels", kTypes + kPerType * types); }

void add_token_labels(Tally& tally, const std::vector<std::string>& types, const std::vector<std::string>& tags,
                      const std::vector<std::string>& predicted) {
  WEFT_CHECK(tags.size() == predicted.size(), "a predicted tag for each");
  Counts& counts = tally.part("token_labels", kTypes + kPerType * types.size());
  counts[kTokens] += static_cast<double>(tags.size());
  for (std::size_t i = 0; i < tags.size(); ++i) counts[kRight] += tags[i] == predicted[i] ? 1 : 0;
  std::vector<Entity> there = entities(tags), said = entities(predicted), both;
  std::sort(there.begin(), there.end());
  std::sort(said.begin(), said.end());
  std::set_intersection(there.begin(), there.end(), said.begin(), said.end(), std::back_inserter(both));
  const auto count = [&](const std::vector<Entity>& found, Of what) {
    for (const Entity& entity : found) {
      const auto type = std::find(types.begin(), types.end(), entity.type);
      WEFT_CHECK(type != types.end(), "an entity of a known type");
      counts[kTypes + kPerType * static_cast<std::size_t>(type - types.begin()) + what] += 1;
    }
  };
  count(there, kThere);
  count(said, kPredicted);
  count(both, kCorrect);
}

std::vector<Found> found_of_entities(const Tally& tally) {
  const CountsView c = tally.find("token_labels");
  std::vector<Found> all;
  for (std::size_t at = kTypes; at < c.size(); at += kPerType)
    all.push_back({c[at + kCorrect], c[at + kPredicted] - c[at + kCorrect], c[at + kThere] - c[at + kCorrect]});
  return all;
}

Kind token_labels_kind() {
  return {.name = "token_labels",
          .metrics = {{"token_accuracy", "token accuracy"},
                      {"entity_precision", "entity precision"},
                      {"entity_recall", "entity recall"},
                      {"entity_f1", "entity F1"}},
          .values = values,
          .plausible = plausible,
          .examples = [](CountsView /*counts*/) { return std::optional<double>(); }};
}

}  // namespace weft::metrics
