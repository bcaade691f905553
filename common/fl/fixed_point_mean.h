// The weighted mean of updates as they stream in, in fixed point:  mean = Σ n_k·q(u_k) / (2^f · Σ n_k),
// q(x) = round(x·2^f), halves to even, all sums in 64-bit integers. Integer addition is associative, so the mean has
// the same bits in any order of arrival; the number of fraction bits f follows from the run's limits alone, so it
// cannot overflow.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "common/fl/aggregator.h"
#include "common/fl/config.h"

namespace weft::fl {

// Largest f (at most 40) with sites·max_examples·max_update_norm·2^f < 2^62 and max_update_norm·2^f < 2^51; the second
// is what add() can round. ConfigError when f would be below 20, naming the limits to lower.
int fraction_bits(const AggregationConfig& limits, std::size_t sites);

class FixedPointMean final : public Aggregator {
 public:
  FixedPointMean(std::size_t size, int fraction_bits) : sums_(size), fraction_bits_(fraction_bits) {}
  // WEFT_CHECKs that the window lies within. The caller has checked norm and weight (see admission.h).
  void add_window(std::size_t offset, std::span<const float> window, std::uint64_t examples) override;
  std::uint64_t examples() const override { return examples_; }
  std::size_t count() const override { return count_; }
  void apply_window(std::size_t offset, std::span<float> values) const override;
  void clear() override;

 private:
  std::vector<std::int64_t> sums_;
  int fraction_bits_;
  std::uint64_t examples_ = 0;
  std::size_t count_ = 0;
};

}  // namespace weft::fl
