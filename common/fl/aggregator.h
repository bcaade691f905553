// How updates become one mean: the methods a run file may name in aggregation.method.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/fl/config.h"

namespace weft::fl {

// Takes updates as they arrive. The result must have the same bits in any order of arrival.
class Aggregator {
 public:
  virtual ~Aggregator() = default;
  // The caller has checked norm and examples (see admission.h).
  virtual void add(std::span<const float> update, std::uint64_t examples) = 0;
  virtual std::uint64_t examples() const = 0;
  virtual std::size_t count() const = 0;
  // Adds the mean to `values` in place; nothing when nothing was added.
  virtual void apply_to(std::span<float> values) const = 0;
  virtual void clear() = 0;
};

std::vector<std::string> aggregator_names();
// `sites`: how many may add in one round. ConfigError: an unknown name, limits that leave no precision.
std::unique_ptr<Aggregator> make_aggregator(const AggregationConfig& config, std::size_t sites, std::size_t parameters);

}  // namespace weft::fl
