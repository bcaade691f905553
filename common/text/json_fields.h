// Reading a tokenizer.json field by field, with errors that say where. Internal to this library.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/text/tokenizer.h"

namespace weft::text {

using Json = nlohmann::json;

[[noreturn]] void fail_at(const std::string& where, const std::string& problem);
const Json& field(const Json& object, const std::string& where, const char* name);
const Json& list_field(const Json& object, const std::string& where, const char* name);
std::string text_field(const Json& object, const std::string& where, const char* name);
// `fallback` where the field is absent or null.
std::string text_field(const Json& object, const std::string& where, const char* name, const std::string& fallback);
bool bool_field(const Json& object, const std::string& where, const char* name, bool fallback);
std::size_t count_field(const Json& object, const std::string& where, const char* name);
TokenId token_id(const Json& value, const std::string& where);
// The field, or null where it is absent.
const Json& optional_field(const Json& object, const char* name);

// What json["type"] names in the table.
template <class Value>
const Value& choose(const std::string& where, const std::string& type,
                    const std::vector<std::pair<std::string_view, Value>>& table) {
  std::string known;
  for (const auto& [name, value] : table) {
    if (name == type) return value;
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  fail_at(where, "type \"" + type + "\" is not supported, expected one of " + known);
}

}  // namespace weft::text
