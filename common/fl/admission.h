// Which updates are counted. Nothing is trusted from a site: what it claims is checked before it sends, and what it
// sent before it is added.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "common/fl/config.h"
#include "common/fl/norm_sum.h"
#include "common/fl/refusal.h"

namespace weft::fl {

struct Claim {  // of an Offer
  std::uint32_t round = 0, version = 0;
  std::uint64_t bytes = 0, examples = 0;
  std::optional<double> steps;  // as its values say
};
struct Expected {
  std::uint32_t round = 0, version = 0;
  std::uint64_t bytes = 0;
  std::uint64_t examples = 0;                     // as the site said when it joined
  std::uint32_t least_steps = 0, most_steps = 0;  // 0: they do not count
};

// How many norms the running median is of at most, and from how many on it says something.
inline constexpr std::size_t kMostNorms = 1001, kLeastNorms = 8;

// Of the norms of the last committed rounds. Nullopt: too few, or nothing has been learned in them. Rounds that are
// committed do not change, so neither the order in which a round's updates arrive nor a crash changes it.
std::optional<double> median_norm(std::vector<double> norms);

// Why not, with got and expected; nullopt when it is fine.
std::optional<Refusal> refusal(const Claim& claim, const Expected& expected, const AggregationConfig& limits);
// NaN, Inf, or a norm beyond a limit. `median`: median_norm().
std::optional<Refusal> refusal(const NormSum& update, std::optional<double> median, const AggregationConfig& limits);

}  // namespace weft::fl
