// Which updates are counted. Nothing is trusted from a site: what it claims is checked before it sends, and what it
// sent before it is added.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "common/fl/config.h"

namespace weft::fl {

struct Claim {  // of an Offer
  std::uint32_t round = 0, version = 0;
  std::uint64_t bytes = 0, examples = 0;
};
struct Expected {
  std::uint32_t round = 0, version = 0;
  std::uint64_t bytes = 0;
  std::uint64_t examples = 0;  // as the site said when it joined
};

// Why not, with got and expected; nullopt when it is fine.
std::optional<std::string> refusal(const Claim& claim, const Expected& expected, const AggregationConfig& limits);
// NaN, Inf, or a norm beyond the limit.
std::optional<std::string> refusal(std::span<const float> update, const AggregationConfig& limits);

}  // namespace weft::fl
