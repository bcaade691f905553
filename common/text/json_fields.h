// Reading a tokenizer.json field by field, with errors that say where. Internal to this library.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/text/tokenizer.h"

namespace weft::text {

// A value within a parsed text, which must outlive it.
class Json {
 public:
  explicit Json(const void* value) : value_(value) {}  // an nlohmann::json
  bool is_null() const;
  bool is_list() const;
  bool is_object() const;
  const char* type_name() const;
  std::optional<std::string_view> text() const;
  std::optional<double> number() const;
  std::optional<std::uint64_t> count() const;  // a whole number from 0
  std::optional<bool> boolean() const;
  std::size_t size() const;
  Json at(std::size_t index) const;                               // of a list
  std::vector<Json> items() const;                                // of a list
  std::vector<std::pair<std::string_view, Json>> fields() const;  // of an object
  Json operator[](const char* name) const;                        // of an object; null where it is absent
  bool is(std::string_view expected) const { return text() == expected; }

 private:
  const void* value_;
};

class JsonText {
 public:
  // Throws what the JSON library throws.
  explicit JsonText(std::string_view text);
  JsonText(const JsonText&) = delete;
  JsonText& operator=(const JsonText&) = delete;
  ~JsonText();
  Json root() const;

 private:
  struct Value;
  std::unique_ptr<Value> value_;
};

// Each throws Failure where the value is not what the name says. `where` is the place in the file.
[[noreturn]] void fail_at(const std::string& where, const std::string& problem);
Json field(Json object, const std::string& where, const char* name);
std::vector<Json> list_field(Json object, const std::string& where, const char* name);
std::string text_field(Json object, const std::string& where, const char* name);
// `fallback` where the field is absent or null.
std::string text_field(Json object, const std::string& where, const char* name, const std::string& fallback);
bool bool_field(Json object, const std::string& where, const char* name, bool fallback);
std::size_t count_field(Json object, const std::string& where, const char* name);
TokenId token_id(Json value, const std::string& where);

// What `type` names in the table.
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
