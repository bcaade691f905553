// Rounding by addition, so that the compiler can use vectors; the sums are exact.
#include "common/fl/fixed_point_mean.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <sstream>

#include "common/base/result.h"

namespace weft::fl {
namespace {

constexpr int kMaxBits = 40, kMinBits = 20, kSumBits = 62, kRoundBits = 51;

// In [2^52, 2^53) a double's last bit is worth 1, so adding this rounds to a whole number, and the bits that are left
// count in ones from those of the constant itself. Holds for |x| < 2^51.
constexpr double kRounder = 0x1.8p52;

std::int64_t rounded(double x) {
  return std::bit_cast<std::int64_t>(x + kRounder) - std::bit_cast<std::int64_t>(kRounder);
}

}  // namespace

int fraction_bits(const AggregationConfig& limits, std::size_t sites) {
  WEFT_CHECK(sites > 0, "fraction bits for no sites");
  const double weights = static_cast<double>(sites) * static_cast<double>(limits.max_examples);
  for (int bits = kMaxBits; bits >= kMinBits; --bits) {
    const double largest = std::ldexp(limits.max_update_norm, bits);
    if (weights * largest < std::ldexp(1.0, kSumBits) && largest < std::ldexp(1.0, kRoundBits)) return bits;
  }
  std::ostringstream message;
  message << "aggregation.max_update_norm (" << limits.max_update_norm << ") and aggregation.max_examples ("
          << limits.max_examples << ") for " << sites << " sites leave fewer than " << kMinBits
          << " fraction bits of a 64-bit sum; lower them to what a site may really send";
  throw ConfigError(message.str());
}

void FixedPointMean::add_window(std::size_t offset, std::span<const float> window, std::uint64_t examples,
                                float factor) {
  WEFT_CHECK(offset <= sums_.size() && window.size() <= sums_.size() - offset, "window beyond the mean");
  const double scale = std::ldexp(static_cast<double>(factor), fraction_bits_);
  const auto weight = static_cast<std::int64_t>(examples);
  const std::span<std::int64_t> sums = std::span(sums_).subspan(offset, window.size());
  for (std::size_t i = 0; i < window.size(); ++i) sums[i] += weight * rounded(static_cast<double>(window[i]) * scale);
  if (offset + window.size() < sums_.size()) return;
  examples_ += examples;
  ++count_;
}

void FixedPointMean::apply_window(std::size_t offset, std::span<float> values, double scale) const {
  WEFT_CHECK(offset <= sums_.size() && values.size() <= sums_.size() - offset, "window beyond the mean");
  if (examples_ == 0) return;
  const double one = std::ldexp(static_cast<double>(examples_), fraction_bits_);
  const std::span<const std::int64_t> sums = std::span(sums_).subspan(offset, values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(static_cast<double>(values[i]) + static_cast<double>(sums[i]) / one * scale);
}

void FixedPointMean::clear() {
  std::fill(sums_.begin(), sums_.end(), 0);
  examples_ = 0;
  count_ = 0;
}

}  // namespace weft::fl
