// Warm-up, then a straight line, half a cosine or a constant.
#include "common/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace weft::train {
namespace {

double decay(Schedule schedule, double progress) {
  switch (schedule) {
    case Schedule::linear:
      return std::max(0.0, 1.0 - progress);
    case Schedule::cosine:
      return std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * progress)));
    case Schedule::constant:
      return 1.0;
  }
  return 1.0;
}

}  // namespace

std::uint64_t warmup_steps(const TrainConfig& config, std::uint64_t total) {
  return static_cast<std::uint64_t>(std::ceil(static_cast<double>(total) * config.warmup_ratio));
}

double learning_rate_at(const TrainConfig& config, std::uint64_t step, std::uint64_t total) {
  const std::uint64_t warmup = warmup_steps(config, total);
  if (step < warmup) return config.learning_rate * static_cast<double>(step) / static_cast<double>(warmup);
  const double span = total > warmup ? static_cast<double>(total - warmup) : 1.0;
  return config.learning_rate * decay(config.schedule, static_cast<double>(step - warmup) / span);
}

}  // namespace weft::train
