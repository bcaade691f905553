// Scalars as numbers and durations. Internal to this library.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "common/config/yaml_node.h"

namespace weft::config {

// nullopt: it is none. A quoted scalar is no number; "1000" and "1e3" are the same integer.
std::optional<double> parse_number(const YamlView::Node& node);
std::optional<std::int64_t> parse_integer(const YamlView::Node& node);
// "30s", "5min", "2h"; a bare number is none but 0.
std::optional<std::int64_t> parse_milliseconds(const YamlView::Node& node);

bool inside(double value, const NumberRange& range);
// "a number in [0, 1)"
std::string range_text(const std::string& what, const NumberRange& range);

}  // namespace weft::config
