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

// Takes updates as they arrive. The result must have the same bits in any order of arrival.
class Aggregator {
 public:
  virtual ~Aggregator() = default;
  // An update comes in windows, from its first value to its last, and counts when that is in; then comes another one.
  // `offset`: of the window, in values. The caller has checked norm and examples (see admission.h). Throws Failure: no
  // disk space.
  virtual void add_window(std::size_t offset, std::span<const float> window, std::uint64_t examples) = 0;
  void add(std::span<const float> update, std::uint64_t examples) { add_window(0, update, examples); }
  virtual std::uint64_t examples() const = 0;
  virtual std::size_t count() const = 0;
  // Adds the mean to `values` in place, which are those from `offset` on; nothing when nothing was added.
  virtual void apply_window(std::size_t offset, std::span<float> values) const = 0;
  void apply_to(std::span<float> values) const { apply_window(0, values); }
  virtual void clear() = 0;
};

// Where a method that needs all updates at once keeps them. Throws Failure.
using MakeScratch = std::function<std::unique_ptr<ScratchFile>()>;

std::vector<std::string> aggregator_names();
// `sites`: how many may add in one round. ConfigError: an unknown name, limits that leave no precision.
std::unique_ptr<Aggregator> make_aggregator(const AggregationConfig& config, std::size_t sites, std::size_t parameters,
                                            MakeScratch scratch);

}  // namespace weft::fl
