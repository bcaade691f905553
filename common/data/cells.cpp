// Reading of structured cells.
#include "common/data/cells.h"

#include <nlohmann/json.hpp>

#include "common/base/json_depth.h"
#include "common/data/example_reader.h"

namespace weft::data {
namespace {

using nlohmann::json;

constexpr std::size_t kLargestSide = 4096;  // of a picture within a row

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

Result<Bytes> from_hex(const std::string& text) {
  Bytes out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const int high = digit_of(text[i]), low = digit_of(text[i + 1]);
    if (high < 0 || low < 0) return Error{"\"grey\" holds other characters than 0-9 and a-f"};
    out.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  return out;
}

std::size_t side_of(const json& object, const char* key) {
  const auto at = object.find(key);
  const bool good = at != object.end() && at->is_number_unsigned() && at->get<std::uint64_t>() <= kLargestSide;
  return good ? at->get<std::size_t>() : 0;
}

}  // namespace

Result<std::vector<std::string>> parse_list(std::string_view cell, std::string_view separator) {
  std::vector<std::string> out;
  cell = trimmed(cell);
  if (!cell.starts_with('[')) {
    while (!cell.empty()) {
      const std::size_t end = cell.find(separator);
      if (const std::string_view word = trimmed(cell.substr(0, end)); !word.empty()) out.emplace_back(word);
      cell = end == std::string_view::npos ? std::string_view{} : cell.substr(end + separator.size());
    }
    return out;
  }
  const json list = json::parse(shallow_json(cell), nullptr, false);
  if (!list.is_array()) return Error{"got " + shown(cell) + ", expected a JSON array"};
  for (const json& item : list) {
    if (item.is_string())
      out.push_back(item.get<std::string>());
    else if (item.is_number() || item.is_boolean())
      out.push_back(item.dump());
    else
      return Error{std::string("the array holds a value of type ") + item.type_name() + ", expected texts or numbers"};
  }
  return out;
}

Result<std::vector<text::ChatMessage>> parse_messages(std::string_view cell) {
  std::vector<text::ChatMessage> out;
  const json list = json::parse(shallow_json(cell), nullptr, false);
  if (!list.is_array()) return Error{"got " + shown(cell) + ", expected an array of {role, content}"};
  for (const json& item : list) {
    const auto text_of = [&](const char* key) {
      return item.is_object() && item.contains(key) && item[key].is_string() ? &item[key] : nullptr;
    };
    const json *role = text_of("role"), *content = text_of("content");
    if (role == nullptr || content == nullptr)
      return Error{"message " + std::to_string(out.size() + 1) + " lacks a text \"role\" or \"content\""};
    const std::string who = *role;
    if (who != "system" && who != "user" && who != "assistant")
      return Error{"message " + std::to_string(out.size() + 1) + " is of " + shown(who) +
                   ", expected system, user or assistant"};
    out.push_back({who, content->get<std::string>()});
  }
  return out;
}

Result<ImageRef> parse_grey_image(std::string_view cell) {
  const json object = json::parse(shallow_json(cell), nullptr, false);
  if (!object.is_object()) return Error{"got " + shown(cell) + ", expected a path or {width, height, grey}"};
  const std::size_t width = side_of(object, "width"), height = side_of(object, "height");
  const auto grey = object.find("grey");
  if (width == 0 || height == 0 || grey == object.end() || !grey->is_string())
    return Error{"expected a path or {width, height, grey}, the sides from 1 to " + std::to_string(kLargestSide)};
  const auto& digits = grey->get_ref<const std::string&>();
  if (digits.size() != 2 * width * height)
    return Error{"\"grey\" has " + std::to_string(digits.size()) + " digits, expected " +
                 std::to_string(2 * width * height) + ", two for each pixel"};
  Result<Bytes> bytes = from_hex(digits);
  if (!bytes) return bytes.error();
  return image_of_grey(std::make_shared<const Bytes>(std::move(bytes).value()), 0, width, height);
}

std::string grey_image_json(const ImageRef& image) {
  return nlohmann::ordered_json{{"width", image.width}, {"height", image.height}, {"grey", to_hex(image.grey_pixels())}}
      .dump();
}

}  // namespace weft::data
