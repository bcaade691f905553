#include "common/metrics/standing.h"

#include <cmath>

#include "common/metrics/registry.h"

namespace weft::metrics {

Standing standing(const Tally& tally, std::string_view metric) {
  return {.value = value(tally, metric).value_or(std::nan("")), .loss = loss(tally).value_or(std::nan(""))};
}

bool is_better(std::string_view metric, const Standing& first, const Standing& second) {
  return is_better(metric, first.value, second.value) ||
         (first.value == second.value && is_better("loss", first.loss, second.loss));
}

}  // namespace weft::metrics
