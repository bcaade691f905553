// How updates become one mean: the methods a run file may name in aggregation.method.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/file.h"
#include "common/fl/config.h"

namespace weft::fl {

// What an update counts, beside its values.
struct Share {
  std::uint64_t examples = 0;   // its weight
  std::uint32_t steps = 1;      // local optimizer steps that it took
  std::uint32_t staleness = 0;  // versions that were committed while it was made
};

// Where a method that needs all updates at once keeps them. Throws Failure.
using MakeScratch = std::function<std::unique_ptr<ScratchFile>()>;

// What bounds the sums of one round.
struct AggregatorShape {
  std::size_t sites = 1;  // how many may add
  std::size_t parameters = 0;
  std::uint32_t local_steps = 1, min_steps = 1;  // most and fewest steps of an update
  MakeScratch scratch;
};

// Takes updates as they arrive. The result must have the same bits in any order of arrival.
class Aggregator {
 public:
  virtual ~Aggregator() = default;
  // An update comes in windows, from its first value to its last, and counts when that is in; then comes another one.
  // `offset`: of the window, in values. The caller has checked norm, examples and steps (see admission.h). Throws
  // Failure: no disk space.
  virtual void add_window(std::size_t offset, std::span<const float> window, const Share& share) = 0;
  void add(std::span<const float> update, const Share& share) { add_window(0, update, share); }
  virtual std::uint64_t examples() const = 0;
  virtual std::size_t count() const = 0;
  // Adds the mean to `values` in place, which are those from `offset` on; nothing when nothing was added.
  virtual void apply_window(std::size_t offset, std::span<float> values) const = 0;
  void apply_to(std::span<float> values) const { apply_window(0, values); }
  virtual void clear() = 0;
};

// 1/√(1 + staleness), rounded to a float: what a stale update is scaled by before it is added. The mean is still
// divided by the whole weight, so a stale update moves the adapter less. Source: Nguyen et al. 2022, "Federated
// learning with buffered asynchronous aggregation" (FedBuff), arXiv:2106.06639, section 5.
float staleness_factor(std::uint32_t staleness);

std::vector<std::string> aggregator_names();
// ConfigError: an unknown name, limits that leave no precision.
std::unique_ptr<Aggregator> make_aggregator(const AggregationConfig& config, const AggregatorShape& shape);

}  // namespace weft::fl
