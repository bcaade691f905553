// Checks by name.
#include "common/fl/admission.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

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

// They decide what the update is divided by.
std::optional<std::string> steps_refusal(const Claim& claim, const Expected& expected) {
  if (expected.most_steps == 0) return std::nullopt;
  const double steps = claim.steps.value_or(0);
  if (steps >= expected.least_steps && steps <= expected.most_steps && steps == std::floor(steps)) return std::nullopt;
  return "steps: got " + (claim.steps ? number(steps) : "none") + ", expected " +
         (expected.least_steps == expected.most_steps
              ? ""
              : "a whole number from " + std::to_string(expected.least_steps) + " to ") +
         std::to_string(expected.most_steps) + " (as was asked for)";
}

}  // namespace

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
  if (auto steps = steps_refusal(claim, expected)) return Refusal{Kind::steps, *steps};
  return std::nullopt;
}

std::optional<Refusal> refusal(const NormSum& update, std::optional<double> median, const AggregationConfig& limits) {
  if (const auto found = update.not_finite())
    return Refusal{RefusalKind::not_finite,
                   "values: got " + *found + " of " + std::to_string(update.count()) +
                       ", expected finite numbers; the training of this site has diverged, lower train.learning_rate"};
  const double norm = update.norm();
  if (norm > limits.max_update_norm)
    return Refusal{RefusalKind::norm, "norm: got " + number(norm) + ", limit " + number(limits.max_update_norm) +
                                          " (aggregation.max_update_norm)"};
  if (limits.max_norm_ratio == 0 || !median || norm <= limits.max_norm_ratio * *median) return std::nullopt;
  return Refusal{RefusalKind::norm, "norm: got " + number(norm) + ", limit " + number(limits.max_norm_ratio * *median) +
                                        ", which is " + number(limits.max_norm_ratio) +
                                        " times the median of the updates so far " + "(aggregation.max_norm_ratio)"};
}

}  // namespace weft::fl
