// Checks by name.
#include "common/fl/admission.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace weft::fl {
namespace {

std::string mismatch(const char* what, std::uint64_t got, std::uint64_t expected, const char* why) {
  return std::string(what) + ": got " + std::to_string(got) + ", expected " + std::to_string(expected) + " (" + why +
         ")";
}

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.6g", value);
  return text.data();
}

// Finite when all of the values are: the square of no float overflows a double, nor does the sum of so many. Partial
// sums let the compiler use vectors without changing what it computes.
double square_sum(std::span<const float> values) {
  constexpr std::size_t kLanes = 8;
  std::array<double, kLanes> sums{};
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const double value = values[i + lane];
      sums[lane] += value * value;
    }
  double total = 0;
  for (; i < values.size(); ++i) total += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  for (const double sum : sums) total += sum;
  return total;
}

std::string not_finite(std::span<const float> values) {
  std::size_t i = 0;
  while (i < values.size() && std::isfinite(values[i])) ++i;
  const char* name = i < values.size() && std::isnan(values[i]) ? "NaN" : "Inf";
  return std::string("values: got ") + name + " at " + std::to_string(i) + " of " + std::to_string(values.size()) +
         ", expected finite numbers; the training of this site has diverged, lower train.learning_rate";
}

}  // namespace

double norm_of(std::span<const float> update) { return std::sqrt(square_sum(update)); }

std::optional<double> median_norm(std::vector<double> norms) {
  if (norms.size() < kLeastNorms) return std::nullopt;
  const auto middle = norms.begin() + static_cast<std::ptrdiff_t>(norms.size() / 2);
  std::nth_element(norms.begin(), middle, norms.end());
  if (*middle > 0) return *middle;
  return std::nullopt;
}

std::optional<Refusal> refusal(const Claim& claim, const Expected& expected, const AggregationConfig& limits) {
  using Kind = RefusalKind;
  if (claim.round != expected.round)
    return Refusal{Kind::late, mismatch("round", claim.round, expected.round,
                                        claim.round < expected.round ? "it came too late" : "open")};
  if (claim.version != expected.version)
    return Refusal{Kind::version,
                   mismatch("version", claim.version, expected.version, "the adapter that this round starts from")};
  if (claim.bytes != expected.bytes)
    return Refusal{Kind::size, mismatch("bytes", claim.bytes, expected.bytes, "size of the adapter")};
  if (claim.examples == 0) return Refusal{Kind::examples, "examples: got 0, expected at least 1"};
  if (claim.examples > limits.max_examples)
    return Refusal{Kind::examples, "examples: got " + std::to_string(claim.examples) + ", limit " +
                                       std::to_string(limits.max_examples) + " (aggregation.max_examples)"};
  if (claim.examples != expected.examples)
    return Refusal{Kind::examples,
                   mismatch("examples", claim.examples, expected.examples, "as the site said when it joined")};
  return std::nullopt;
}

std::optional<Refusal> refusal(std::span<const float> update, double norm, std::optional<double> median,
                               const AggregationConfig& limits) {
  if (!std::isfinite(norm)) return Refusal{RefusalKind::not_finite, not_finite(update)};
  if (norm > limits.max_update_norm)
    return Refusal{RefusalKind::norm, "norm: got " + number(norm) + ", limit " + number(limits.max_update_norm) +
                                          " (aggregation.max_update_norm)"};
  if (limits.max_norm_ratio == 0 || !median || norm <= limits.max_norm_ratio * *median) return std::nullopt;
  return Refusal{RefusalKind::norm, "norm: got " + number(norm) + ", limit " + number(limits.max_norm_ratio * *median) +
                                        ", which is " + number(limits.max_norm_ratio) +
                                        " times the median of the updates so far " + "(aggregation.max_norm_ratio)"};
}

}  // namespace weft::fl
