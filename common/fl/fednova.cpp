// Scaling by steps.
#include "common/fl/fednova.h"

#include "common/base/result.h"

namespace weft::fl {
namespace {

// An update of few steps is scaled up, so the sums must hold what it becomes.
AggregationConfig scaled(AggregationConfig config, const AggregatorShape& shape) {
  WEFT_CHECK(shape.min_steps > 0 && shape.min_steps <= shape.local_steps, "fewest steps of an update");
  const double steps = static_cast<double>(shape.sites) * static_cast<double>(config.max_examples) *
                       static_cast<double>(shape.local_steps);
  if (steps >= 0x1p63)
    throw ConfigError("aggregation.max_examples (" + std::to_string(config.max_examples) +
                      ") times train.local_steps (" + std::to_string(shape.local_steps) + ") is too much for " +
                      std::to_string(shape.sites) +
                      " sites and fednova; lower max_examples to what a site may really have");
  config.max_update_norm *= static_cast<double>(shape.local_steps) / static_cast<double>(shape.min_steps);
  return config;
}

}  // namespace

FedNova::FedNova(const AggregationConfig& config, const AggregatorShape& shape)
    : local_steps_(shape.local_steps),
      min_steps_(shape.min_steps),
      mean_(shape.parameters, fraction_bits(scaled(config, shape), shape.sites)) {}

void FedNova::add_window(std::size_t offset, std::span<const float> window, const Share& share) {
  WEFT_CHECK(share.steps >= min_steps_ && share.steps <= local_steps_, "an update of so many steps");
  const double by_step = static_cast<double>(local_steps_) / static_cast<double>(share.steps);
  const std::size_t before = mean_.count();
  mean_.add_window(offset, window, share.examples,
                   static_cast<float>(by_step * static_cast<double>(staleness_factor(share.staleness))));
  if (mean_.count() > before) steps_ += share.examples * share.steps;
}

void FedNova::apply_window(std::size_t offset, std::span<float> values) const {
  if (mean_.examples() == 0) return;
  mean_.apply_window(
      offset, values,
      static_cast<double>(steps_) / (static_cast<double>(mean_.examples()) * static_cast<double>(local_steps_)));
}

void FedNova::clear() {
  mean_.clear();
  steps_ = 0;
}

}  // namespace weft::fl
