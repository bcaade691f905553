// Text from peers (a site's reason for leaving, say), made harmless for terminals and logs.
#pragma once
#include <string>
#include <string_view>

namespace weft::telemetry {

// The same text on one line: tabs and line ends become spaces, other control characters (C1 among them, which some
// terminals obey too) and bytes that are not UTF-8 become '?'.
std::string printable(std::string_view text);

}  // namespace weft::telemetry
