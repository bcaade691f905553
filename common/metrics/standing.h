// How a version of the adapter does: the metric that decides, and what breaks ties.
#pragma once
#include <string_view>

#include "common/metrics/tally.h"

namespace weft::metrics {

struct Standing {
  double value = 0;
  double loss = 0;
};
// NaN for what is not defined: such a value is never better.
Standing standing(const Tally& tally, std::string_view metric);
// A better value, or an equal one with a lower loss.
bool is_better(std::string_view metric, const Standing& first, const Standing& second);

}  // namespace weft::metrics
