#include "common/config/yaml_scalar.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

namespace weft::config {
namespace {

std::string number_text(double value) {
  if (value == std::floor(value) && std::fabs(value) < 1e15) return std::to_string(static_cast<std::int64_t>(value));
  std::string text(32, '\0');
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  text.resize(static_cast<std::size_t>(end.ptr - text.data()));
  return text;
}

std::string_view without_plus(const std::string& text) {
  std::string_view view = text;
  if (view.size() > 1 && view[0] == '+' && view[1] != '-') view.remove_prefix(1);
  return view;
}

}  // namespace

std::string range_text(const std::string& what, const NumberRange& range) {
  const bool low = std::isfinite(range.min), high = std::isfinite(range.max);
  if (low && high) {
    return what + " in " + (range.exclusive_min ? "(" : "[") + number_text(range.min) + ", " + number_text(range.max) +
           (range.exclusive_max ? ")" : "]");
  }
  if (low) return what + (range.exclusive_min ? " > " : " >= ") + number_text(range.min);
  if (high) return what + (range.exclusive_max ? " < " : " <= ") + number_text(range.max);
  return what;
}

bool inside(double value, const NumberRange& range) {
  return (range.exclusive_min ? value > range.min : value >= range.min) &&
         (range.exclusive_max ? value < range.max : value <= range.max);
}

std::optional<double> parse_number(const YamlView::Node& node) {
  if (node.kind != YamlView::Node::Kind::scalar || node.quoted) return {};
  const auto text = without_plus(node.scalar);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

std::optional<std::int64_t> parse_integer(const YamlView::Node& node) {
  if (node.kind != YamlView::Node::Kind::scalar || node.quoted) return {};
  const auto text = without_plus(node.scalar);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && end == text.data() + text.size()) return value;
  const auto real = parse_number(node);
  if (!real || *real != std::floor(*real) || std::fabs(*real) > 9007199254740992.0) return {};
  return static_cast<std::int64_t>(*real);
}

std::optional<std::int64_t> parse_milliseconds(const YamlView::Node& node) {
  if (node.kind != YamlView::Node::Kind::scalar) return {};
  double value = 0;
  const char *begin = node.scalar.data(), *end = begin + node.scalar.size();
  const auto [rest, error] = std::from_chars(begin, end, value);
  if (error != std::errc{} || !std::isfinite(value) || value < 0) return {};
  std::string unit(rest, end);
  unit.erase(0, std::min(unit.size(), unit.find_first_not_of(' ')));
  static const std::vector<std::pair<std::string, double>> kUnits = {
      {"ms", 1}, {"s", 1e3}, {"min", 6e4}, {"h", 3.6e6}, {"d", 8.64e7}};
  if (unit.empty() && value == 0) return 0;
  for (const auto& [name, factor] : kUnits) {
    // A century is more than any deadline and far from overflow.
    if (unit == name && value * factor <= 3.2e12) return std::llround(value * factor);
  }
  return {};
}

}  // namespace weft::config
