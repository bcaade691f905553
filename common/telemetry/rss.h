// How much memory this process has taken.
#pragma once
#include <cstdint>

namespace weft::telemetry {

// The largest resident set so far, in bytes, mapped files included.
std::uint64_t peak_rss_bytes();

}  // namespace weft::telemetry
