// From tallies to the values that people report.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/metrics/kind.h"

namespace weft::metrics {

const std::vector<Kind>& kinds();
const Kind* find_kind(std::string_view name);      // nullptr: no such kind
const Metric* find_metric(std::string_view name);  // nullptr: no such metric

// All values that follow from a tally and are defined, by name. WEFT_CHECKs that its kinds are known.
std::map<std::string, double> values(const Tally& tally);
std::optional<double> value(const Tally& tally, std::string_view metric);
// The same for people: `primary` first, the others in the order of kinds(), without those that say nothing beside them.
std::vector<std::pair<std::string, double>> listed(const Tally& tally, std::string_view primary = "");
// "accuracy 82.5 %, loss 0.5000"
std::string shown(const std::vector<std::pair<std::string, double>>& listed);
// The mean loss of an example, or of a token; nullopt where neither was counted.
std::optional<double> loss(const Tally& tally);
bool is_loss(std::string_view metric);  // one of these two
// Whether the first is better than the second, as the metric has it. WEFT_CHECKs that it is one.
bool is_better(std::string_view metric, double first, double second);

// "83.2 %" or "0.4711", as the metric is shown; a name that is no metric's is shown as a number.
std::string shown(std::string_view metric, double value);
// "macro F1"; a name that is no metric's as it is.
std::string title(std::string_view metric);

}  // namespace weft::metrics
