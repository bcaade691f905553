// The table of aggregation methods: a new one is a file, a line here and a test.
#include "common/fl/aggregator.h"

#include <cmath>

#include "common/base/result.h"
#include "common/fl/coordinate_median.h"
#include "common/fl/fedavg.h"
#include "common/fl/fednova.h"

namespace weft::fl {
namespace {

struct Entry {
  const char* name;
  std::unique_ptr<Aggregator> (*make)(const AggregationConfig& config, const AggregatorShape& shape);
};

template <class Method>
std::unique_ptr<Aggregator> make(const AggregationConfig& config, const AggregatorShape& shape) {
  return std::make_unique<Method>(config, shape);
}

constexpr Entry kAggregators[] = {
    {"fedavg", make<FedAvg>},
    {"fednova", make<FedNova>},
    {"median", make<CoordinateMedian>},
};

}  // namespace

std::vector<std::string> aggregator_names() {
  std::vector<std::string> names;
  for (const Entry& entry : kAggregators) names.emplace_back(entry.name);
  return names;
}

float staleness_factor(std::uint32_t staleness) {
  return static_cast<float>(1 / std::sqrt(1 + static_cast<double>(staleness)));
}

std::unique_ptr<Aggregator> make_aggregator(const AggregationConfig& config, const AggregatorShape& shape) {
  for (const Entry& entry : kAggregators)
    if (config.method == entry.name) return entry.make(config, shape);
  throw ConfigError("aggregation.method: \"" + config.method + "\" is not known");
}

}  // namespace weft::fl
