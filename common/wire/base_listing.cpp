// The list of a base model's files as text.
#include <charconv>

#include "common/wire/field_io.h"

namespace weft::wire {
namespace {

// What stands before `end`, which is cut off with it; nothing where it is not there.
std::optional<std::string_view> take(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(at + 1);
  return taken;
}

// Only as to_string() writes it.
std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || std::to_string(value) != text) return std::nullopt;
  return value;
}

}  // namespace

std::string listing_of(const BaseList& list) {
  std::string text;
  for (const BaseFile& file : list) text += file.digest + " " + std::to_string(file.bytes) + " " + file.name + "\n";
  return text;
}

Result<BaseList> list_of(std::string_view listing) {
  BaseList list;
  while (!listing.empty()) {
    const auto digest = take(listing, ' ');
    const auto bytes = digest ? take(listing, ' ') : std::nullopt;
    const auto name = bytes ? take(listing, '\n') : std::nullopt;
    const auto size = name ? number_of(*bytes) : std::nullopt;
    if (!size) return Error{"line " + std::to_string(list.size() + 1) + " is not \"DIGEST BYTES NAME\""};
    list.push_back({.name = std::string(*name), .digest = std::string(*digest), .bytes = *size});
  }
  if (auto fault = fault_of(list)) return *fault;
  return list;
}

}  // namespace weft::wire
