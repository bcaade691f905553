// A thin face of the JSON library, and the checks.
#include "common/text/json_fields.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "common/base/json_depth.h"

namespace weft::text {
namespace {

const nlohmann::json& value_of(const void* value) { return *static_cast<const nlohmann::json*>(value); }

}  // namespace

bool Json::is_null() const { return value_of(value_).is_null(); }
bool Json::is_list() const { return value_of(value_).is_array(); }
bool Json::is_object() const { return value_of(value_).is_object(); }
const char* Json::type_name() const { return value_of(value_).type_name(); }
std::size_t Json::size() const { return value_of(value_).size(); }

std::optional<std::string_view> Json::text() const {
  const auto* text = value_of(value_).get_ptr<const std::string*>();
  return text == nullptr ? std::nullopt : std::optional<std::string_view>(*text);
}

std::optional<double> Json::number() const {
  return value_of(value_).is_number() ? std::optional(value_of(value_).get<double>()) : std::nullopt;
}

std::optional<std::uint64_t> Json::count() const {
  return value_of(value_).is_number_unsigned() ? std::optional(value_of(value_).get<std::uint64_t>()) : std::nullopt;
}

std::optional<bool> Json::boolean() const {
  return value_of(value_).is_boolean() ? std::optional(value_of(value_).get<bool>()) : std::nullopt;
}

Json Json::at(std::size_t index) const { return Json(&value_of(value_)[index]); }

std::vector<Json> Json::items() const {
  std::vector<Json> out;
  for (const auto& item : value_of(value_)) out.emplace_back(&item);
  return out;
}

std::vector<std::pair<std::string_view, Json>> Json::fields() const {
  std::vector<std::pair<std::string_view, Json>> out;
  const auto& object = value_of(value_);
  for (auto at = object.begin(); at != object.end(); ++at) out.emplace_back(at.key(), Json(&at.value()));
  return out;
}

Json Json::operator[](const char* name) const {
  static const nlohmann::json null;
  if (!is_object()) return Json(&null);
  const auto at = value_of(value_).find(name);
  return Json(at == value_of(value_).end() ? &null : &*at);
}

struct JsonText::Value {
  nlohmann::json json;
};

JsonText::JsonText(std::string_view text)
    : value_(std::make_unique<Value>(Value{nlohmann::json::parse(shallow_json(text))})) {}
JsonText::~JsonText() = default;
Json JsonText::root() const { return Json(&value_->json); }

void fail_at(const std::string& where, const std::string& problem) {
  throw Failure("tokenizer.json: " + where + ": " + problem);
}

Json field(Json object, const std::string& where, const char* name) {
  if (!object.is_object()) fail_at(where, std::string("got ") + object.type_name() + ", expected an object");
  const Json value = object[name];
  if (value.is_null()) fail_at(where, std::string("\"") + name + "\" is missing");
  return value;
}

std::vector<Json> list_field(Json object, const std::string& where, const char* name) {
  const Json value = field(object, where, name);
  if (!value.is_list()) fail_at(where + "." + name, std::string("got ") + value.type_name() + ", expected a list");
  return value.items();
}

std::string text_field(Json object, const std::string& where, const char* name) {
  const Json value = field(object, where, name);
  const auto text = value.text();
  if (!text) fail_at(where + "." + name, std::string("got ") + value.type_name() + ", expected a string");
  return std::string(*text);
}

std::string text_field(Json object, const std::string& where, const char* name, const std::string& fallback) {
  return object[name].is_null() ? fallback : text_field(object, where, name);
}

bool bool_field(Json object, const std::string& where, const char* name, bool fallback) {
  if (object[name].is_null()) return fallback;
  const auto value = object[name].boolean();
  if (!value) fail_at(where + "." + name, "expected true or false");
  return *value;
}

std::size_t count_field(Json object, const std::string& where, const char* name) {
  const auto value = field(object, where, name).count();
  if (!value) fail_at(where + "." + name, "expected a whole number");
  return *value;
}

TokenId token_id(Json value, const std::string& where) {
  const auto id = value.count();
  if (!id || *id >= std::numeric_limits<TokenId>::max()) fail_at(where, "expected a token id");
  return static_cast<TokenId>(*id);
}

}  // namespace weft::text
