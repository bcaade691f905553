// The mean of updates, weighted by examples. Source: McMahan et al. 2017, "Communication-Efficient Learning of Deep
// Networks from Decentralized Data", arXiv:1602.05629, algorithm 1. A stale update is scaled down (staleness_factor).
#pragma once
#include "common/fl/aggregator.h"
#include "common/fl/fixed_point_mean.h"

namespace weft::fl {

class FedAvg final : public Aggregator {
 public:
  FedAvg(const AggregationConfig& config, const AggregatorShape& shape)
      : mean_(shape.parameters, fraction_bits(config, shape.sites)) {}
  void add_window(std::size_t offset, std::span<const float> window, const Share& share) override {
    mean_.add_window(offset, window, share.examples, staleness_factor(share.staleness));
  }
  std::uint64_t examples() const override { return mean_.examples(); }
  std::size_t count() const override { return mean_.count(); }
  void apply_window(std::size_t offset, std::span<float> values) const override { mean_.apply_window(offset, values); }
  void clear() override { mean_.clear(); }

 private:
  FixedPointMean mean_;
};

}  // namespace weft::fl
