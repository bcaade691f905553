// The checks.
#include "common/text/json_fields.h"

#include <nlohmann/json.hpp>

namespace weft::text {

void fail_at(const std::string& where, const std::string& problem) {
  throw Failure("tokenizer.json: " + where + ": " + problem);
}

const Json& field(const Json& object, const std::string& where, const char* name) {
  if (!object.is_object()) fail_at(where, std::string("got ") + object.type_name() + ", expected an object");
  const auto at = object.find(name);
  if (at == object.end()) fail_at(where, std::string("\"") + name + "\" is missing");
  return *at;
}

const Json& optional_field(const Json& object, const char* name) {
  static const Json null;
  if (!object.is_object()) return null;
  const auto at = object.find(name);
  return at == object.end() ? null : *at;
}

const Json& list_field(const Json& object, const std::string& where, const char* name) {
  const Json& value = field(object, where, name);
  if (!value.is_array()) fail_at(where + "." + name, std::string("got ") + value.type_name() + ", expected a list");
  return value;
}

std::string text_field(const Json& object, const std::string& where, const char* name) {
  const Json& value = field(object, where, name);
  if (!value.is_string()) fail_at(where + "." + name, std::string("got ") + value.type_name() + ", expected a string");
  return value.get<std::string>();
}

std::string text_field(const Json& object, const std::string& where, const char* name, const std::string& fallback) {
  return optional_field(object, name).is_null() ? fallback : text_field(object, where, name);
}

bool bool_field(const Json& object, const std::string& where, const char* name, bool fallback) {
  const Json& value = optional_field(object, name);
  if (value.is_null()) return fallback;
  if (!value.is_boolean()) fail_at(where + "." + name, "expected true or false");
  return value.get<bool>();
}

std::size_t count_field(const Json& object, const std::string& where, const char* name) {
  const Json& value = field(object, where, name);
  if (!value.is_number_unsigned()) fail_at(where + "." + name, "expected a whole number");
  return value.get<std::size_t>();
}

TokenId token_id(const Json& value, const std::string& where) {
  if (!value.is_number_integer() || value < 0 || value > 0x7FFFFFFE) fail_at(where, "expected a token id");
  return value.get<TokenId>();
}

}  // namespace weft::text
