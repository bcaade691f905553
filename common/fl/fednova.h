// Updates of unequal numbers of local steps: each is taken by the step, and their weighted mean goes as far as the mean
// number of steps. Without that, a site that takes more steps pulls the result towards its own optimum.
//   x ← x + a_eff · Σ p_k · u_k / a_k,   a_eff = Σ p_k · a_k,   p_k = n_k / Σ n
// u_k update, n_k examples, a_k local steps. Where all a_k are equal this is FedAvg.
// Source: Wang et al. 2020, "Tackling the objective inconsistency problem in heterogeneous federated optimization",
// arXiv:2007.07481, equation 8, with a_k the steps as for plain SGD; so it is used with AdamW too.
// In fixed point (fixed_point_mean.h): u_k is scaled by T / a_k, T the steps of a whole round, so that a site that
// takes them all is added as in FedAvg, bit for bit, and the sum by a_eff / T at the end.
#pragma once
#include "common/fl/aggregator.h"
#include "common/fl/fixed_point_mean.h"

namespace weft::fl {

class FedNova final : public Aggregator {
 public:
  // ConfigError: limits that leave no room for the sums.
  FedNova(const AggregationConfig& config, const AggregatorShape& shape);
  // WEFT_CHECKs that the steps are within those of the shape.
  void add_window(std::size_t offset, std::span<const float> window, const Share& share) override;
  std::uint64_t examples() const override { return mean_.examples(); }
  std::size_t count() const override { return mean_.count(); }
  void apply_window(std::size_t offset, std::span<float> values) const override;
  void clear() override;

 private:
  std::uint32_t local_steps_, min_steps_;
  FixedPointMean mean_;
  std::uint64_t steps_ = 0;  // Σ n_k·a_k
};

}  // namespace weft::fl
