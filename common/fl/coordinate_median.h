// The median of updates, coordinate by coordinate, unweighted:  x_i ← x_i + med(u_1i, ..., u_mi); of an even number the
// mean of the middle two. Fewer than half of the sites cannot move a coordinate beyond what the others sent, however
// they agree. What a site's examples count for a mean is ignored: a site could claim any number. A stale update is
// scaled down (staleness_factor). It needs all updates at once, so they wait in a scratch file of 4 bytes a value and
// site; of them no more than kMedianBytes is in memory. Source: Yin et al. 2018, "Byzantine-robust distributed
// learning: towards optimal statistical rates", arXiv:1803.01498, definition 1.
#pragma once
#include "common/fl/aggregator.h"

namespace weft::fl {

inline constexpr std::size_t kMedianBytes = 16 << 20;

class CoordinateMedian final : public Aggregator {
 public:
  CoordinateMedian(const AggregationConfig& /*config*/, const AggregatorShape& shape)
      : parameters_(shape.parameters), scratch_(shape.scratch) {}
  // WEFT_CHECKs that windows come in order.
  void add_window(std::size_t offset, std::span<const float> window, const Share& share) override;
  std::uint64_t examples() const override { return examples_; }
  std::size_t count() const override { return count_; }
  void apply_window(std::size_t offset, std::span<float> values) const override;
  void clear() override;

 private:
  // What all updates say of the values from `offset` on: value i of update k is at i + k * width.
  std::vector<float> read(std::size_t offset, std::size_t width) const;

  std::size_t parameters_;
  MakeScratch scratch_;
  std::unique_ptr<ScratchFile> updates_;  // one after the other, as they came
  std::size_t next_ = 0;                  // where the next window begins
  std::uint64_t examples_ = 0;
  std::size_t count_ = 0;
};

}  // namespace weft::fl
