#include "common/metrics/token_labels.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "common/base/result.h"

namespace weft::metrics {
namespace {

enum At : std::size_t { kTokens, kRight, kThere, kPredicted, kFound, kSize };

bool plausible(CountsView c) {
  return c.size() == kSize && std::all_of(c.begin(), c.end(), is_count) && c[kRight] <= c[kTokens] &&
         c[kThere] <= c[kTokens] && c[kPredicted] <= c[kTokens] && c[kFound] <= std::min(c[kThere], c[kPredicted]);
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

void add_token_labels(Tally& tally) { tally.part("token_labels", kSize); }

void add_token_labels(Tally& tally, const std::vector<std::string>& tags, const std::vector<std::string>& predicted) {
  WEFT_CHECK(tags.size() == predicted.size(), "a predicted tag for each");
  Counts& counts = tally.part("token_labels", kSize);
  for (std::size_t i = 0; i < tags.size(); ++i) counts[kRight] += tags[i] == predicted[i] ? 1 : 0;
  std::vector<Entity> there = entities(tags), found = entities(predicted), both;
  std::sort(there.begin(), there.end());
  std::sort(found.begin(), found.end());
  std::set_intersection(there.begin(), there.end(), found.begin(), found.end(), std::back_inserter(both));
  counts[kTokens] += static_cast<double>(tags.size());
  counts[kThere] += static_cast<double>(there.size());
  counts[kPredicted] += static_cast<double>(found.size());
  counts[kFound] += static_cast<double>(both.size());
}

Kind token_labels_kind() {
  return {.name = "token_labels",
          .metrics = {{"token_accuracy", "token accuracy"},
                      {"entity_precision", "entity precision"},
                      {"entity_recall", "entity recall"},
                      {"entity_f1", "entity F1"}},
          .values =
              [](CountsView c) {
                if (c[kTokens] == 0) return Counts(4, std::nan(""));
                const auto part = [&](double of) { return of == 0 ? 0 : c[kFound] / of; };
                return Counts{c[kRight] / c[kTokens], part(c[kPredicted]), part(c[kThere]),
                              f1(c[kFound], c[kPredicted] - c[kFound], c[kThere] - c[kFound])};
              },
          .plausible = plausible,
          .examples = [](CountsView /*counts*/) { return std::optional<double>(); }};
}

}  // namespace weft::metrics
