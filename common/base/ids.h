// Ids are types, so that a site cannot be passed where a run is meant.
#pragma once
#include <compare>
#include <cstdint>
#include <string>

namespace weft {

// The name in a site's certificate. Letters, digits, '-', '_' and '.', 1 to 64 characters.
struct SiteId {
  std::string name;
  auto operator<=>(const SiteId&) const = default;
};
bool valid_site_name(const std::string& name);

// Rounds count from 1. Version v is the adapter after round v; version 0 is the initial adapter.
struct RoundId {
  std::uint32_t number = 0;
  auto operator<=>(const RoundId&) const = default;
};

}  // namespace weft
