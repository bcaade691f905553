// The table of aggregation methods: a new one is a file, a line here and a test.
#include "common/fl/aggregator.h"

#include <utility>

#include "common/base/result.h"
#include "common/fl/coordinate_median.h"
#include "common/fl/fixed_point_mean.h"

namespace weft::fl {
namespace {

struct Entry {
  const char* name;
  std::unique_ptr<Aggregator> (*make)(const AggregationConfig& config, std::size_t sites, std::size_t parameters,
                                      MakeScratch scratch);
};

// Source of fedavg: McMahan et al. 2017, "Communication-Efficient Learning of Deep Networks from Decentralized Data",
// arXiv:1602.05629, algorithm 1.
constexpr Entry kAggregators[] = {
    {"fedavg",
     [](const AggregationConfig& config, std::size_t sites, std::size_t parameters,
        MakeScratch /*scratch*/) -> std::unique_ptr<Aggregator> {
       return std::make_unique<FixedPointMean>(parameters, fraction_bits(config, sites));
     }},
    {"median",
     [](const AggregationConfig& /*config*/, std::size_t /*sites*/, std::size_t parameters, MakeScratch scratch)
         -> std::unique_ptr<Aggregator> { return std::make_unique<CoordinateMedian>(parameters, std::move(scratch)); }},
};

}  // namespace

std::vector<std::string> aggregator_names() {
  std::vector<std::string> names;
  for (const Entry& entry : kAggregators) names.emplace_back(entry.name);
  return names;
}

std::unique_ptr<Aggregator> make_aggregator(const AggregationConfig& config, std::size_t sites, std::size_t parameters,
                                            MakeScratch scratch) {
  for (const Entry& entry : kAggregators)
    if (config.method == entry.name) return entry.make(config, sites, parameters, std::move(scratch));
  throw ConfigError("aggregation.method: \"" + config.method + "\" is not known");
}

}  // namespace weft::fl
