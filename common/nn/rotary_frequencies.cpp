// Inverse frequencies of the four kinds of scaling. Letters: f a frequency in radians a token · d rotated features.
#include <ATen/ops/empty.h>
#include <ATen/ops/mul.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "common/base/result.h"
#include "common/nn/host_copy.h"
#include "common/nn/rotary.h"

namespace weft::nn {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;

// High frequencies stay, low ones are stretched by the factor, between them a blend.
double llama3(const RotaryConfig& c, double f) {
  const double turns = c.original_positions * f / kTurn;
  if (turns < c.low_frequency) return f / c.factor;
  if (turns > c.high_frequency) return f;
  const double kept = (turns - c.low_frequency) / (c.high_frequency - c.low_frequency);
  return (1 - kept) * f / c.factor + kept * f;
}

// The pair, as a real number, that makes `turns` turns over the original positions.
double pair_of(const RotaryConfig& c, double turns) {
  return static_cast<double>(c.rotated) * std::log(c.original_positions / (turns * kTurn)) / (2 * std::log(c.theta));
}

double yarn(const RotaryConfig& c, std::int64_t pair, double f) {
  double low = pair_of(c, c.beta_fast), high = pair_of(c, c.beta_slow);
  if (c.truncate) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(c.rotated - 1));
  if (low == high) high += 0.001;
  const double stretched = std::clamp((static_cast<double>(pair) - low) / (high - low), 0.0, 1.0);
  return f / c.factor * stretched + f * (1 - stretched);
}

double yarn_amplitude(const RotaryConfig& c) {
  const auto amplitude = [&](double scale) { return c.factor <= 1 ? 1 : 0.1 * scale * std::log(c.factor) + 1; };
  if (c.attention_factor) return *c.attention_factor;
  if (c.mscale != 0 && c.mscale_all_dimensions != 0) return amplitude(c.mscale) / amplitude(c.mscale_all_dimensions);
  return amplitude(1);
}

double scaled(const RotaryConfig& c, std::int64_t pair, double f) {
  switch (c.scaling) {
    case RotaryConfig::Scaling::none:
      return f;
    case RotaryConfig::Scaling::linear:
      return f / c.factor;
    case RotaryConfig::Scaling::llama3:
      return llama3(c, f);
    case RotaryConfig::Scaling::yarn:
      return yarn(c, pair, f);
  }
  WEFT_CHECK(false, "an unknown rotary scaling");
}

}  // namespace

RotaryFrequencies rotary_frequencies(const RotaryConfig& config) {
  WEFT_CHECK(config.rotated > 0 && config.rotated % 2 == 0, "rotary embedding turns pairs of features");
  RotaryFrequencies frequencies;
  for (std::int64_t pair = 0; pair < config.rotated / 2; ++pair) {
    const double f = std::pow(config.theta, -2.0 * static_cast<double>(pair) / static_cast<double>(config.rotated));
    frequencies.inverse_F.push_back(static_cast<float>(scaled(config, pair, f)));
  }
  if (config.scaling == RotaryConfig::Scaling::yarn) frequencies.amplitude = yarn_amplitude(config);
  return frequencies;
}

RotaryAngles rotary_angles(const RotaryFrequencies& frequencies, const at::Tensor& position_T, at::Device device) {
  if (!device.is_cpu()) return rotary_angles_aten(frequencies, position_T, device);
  const at::Tensor positions = position_T.contiguous();
  const std::int64_t tokens = positions.numel(), width = std::ssize(frequencies.inverse_F);
  at::Tensor cos = at::empty({tokens, width}, at::kFloat), sin = at::empty({tokens, width}, at::kFloat);
  const auto* position = positions.const_data_ptr<std::int64_t>();
  float *to_cos = cos.mutable_data_ptr<float>(), *to_sin = sin.mutable_data_ptr<float>();
  for (std::int64_t t = 0; t < tokens; ++t)
    for (std::int64_t i = 0; i < width; ++i) {
      const float angle = static_cast<float>(position[t]) * frequencies.inverse_F[static_cast<std::size_t>(i)];
      *to_cos++ = static_cast<float>(std::cos(static_cast<double>(angle)) * frequencies.amplitude);
      *to_sin++ = static_cast<float>(std::sin(static_cast<double>(angle)) * frequencies.amplitude);
    }
  return {cos, sin};
}

RotaryAngles rotary_angles_aten(const RotaryFrequencies& frequencies, const at::Tensor& position_T, at::Device device) {
  const at::Tensor angle_TF =
      at::mul(position_T.to(device, at::kFloat).unsqueeze(1), sent(frequencies.inverse_F, device)).to(at::kDouble);
  const auto rounded = [&](const at::Tensor& x) { return x.mul(frequencies.amplitude).to(at::kFloat); };
  return {rounded(angle_TF.cos()), rounded(angle_TF.sin())};
}

}  // namespace weft::nn
