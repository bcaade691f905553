// The weighted mean of updates as they stream in, in fixed point:  mean = Σ n_k·q(c_k·u_k) / (2^f · Σ n_k),
// q(x) = round(x·2^f), halves to even, all sums in 64-bit integers. Integer addition is associative, so the mean has
// the same bits in any order of arrival; the number of fraction bits f follows from the run's limits alone, so it
// cannot overflow. The factor c_k is 1 unless an update is stale or took other steps (aggregator.h); it is a float, so
// that its product with a float is exact in a double and q has the same bits wherever it is computed.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "common/fl/config.h"

namespace weft::fl {

// Largest f (at most 40) with sites·max_examples·max_update_norm·2^f < 2^62 and max_update_norm·2^f < 2^51; the second
// is what add() can round. ConfigError when f would be below 20, naming the limits to lower.
int fraction_bits(const AggregationConfig& limits, std::size_t sites);

class FixedPointMean {
 public:
  FixedPointMean(std::size_t size, int fraction_bits) : sums_(size), fraction_bits_(fraction_bits) {}
  // A window of an update, which counts when its last one is in. WEFT_CHECKs that it lies within. The caller has
  // checked norm and weight (see admission.h).
  void add_window(std::size_t offset, std::span<const float> window, std::uint64_t examples, float factor = 1);
  void add(std::span<const float> update, std::uint64_t examples) { add_window(0, update, examples); }
  std::uint64_t examples() const { return examples_; }
  std::size_t count() const { return count_; }
  // Adds the mean, times `scale`, to `values`, which are those from `offset` on; nothing when nothing was added.
  void apply_window(std::size_t offset, std::span<float> values, double scale = 1) const;
  void apply_to(std::span<float> values) const { apply_window(0, values); }
  void clear();

 private:
  std::vector<std::int64_t> sums_;
  int fraction_bits_;
  std::uint64_t examples_ = 0;
  std::size_t count_ = 0;
};

}  // namespace weft::fl
