// Three files, each asked for what those before it did not say.
#include "common/text/special_tokens.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "common/base/file.h"
#include "common/base/json_depth.h"

namespace weft::text {
namespace {

using nlohmann::json;

json read_object(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return json::object();
  const std::string text = read_text(file).value();
  auto value = json::parse(shallow_json(text), nullptr, false);
  if (!value.is_object()) throw Failure(file.string() + ": not a JSON object");
  return value;
}

// "</s>" or {"content": "</s>", ...}.
std::optional<std::string> content_of(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object() && value.contains("content") && value["content"].is_string()) return value["content"];
  return {};
}

struct Name {
  const char* token;  // in the two files of texts
  const char* id;     // in generation_config.json, or null
  std::optional<TokenId> SpecialTokens::*field;
};
constexpr std::array<Name, 5> kNames = {{{"bos_token", "bos_token_id", &SpecialTokens::bos},
                                         {"eos_token", "eos_token_id", &SpecialTokens::eos},
                                         {"pad_token", "pad_token_id", &SpecialTokens::pad},
                                         {"unk_token", nullptr, &SpecialTokens::unknown},
                                         {"mask_token", nullptr, &SpecialTokens::mask}}};

TokenId checked_id(const json& value, const Tokenizer& tokenizer, const std::string& where) {
  if (!value.is_number_unsigned() || value >= tokenizer.vocabulary_size()) {
    throw Failure(where + ": " + value.dump() + " is no token, the vocabulary has " +
                  std::to_string(tokenizer.vocabulary_size()));
  }
  return value.get<TokenId>();
}

void add_stop(SpecialTokens& out, TokenId id) {
  if (std::find(out.stops.begin(), out.stops.end(), id) == out.stops.end()) out.stops.push_back(id);
}

}  // namespace

Result<std::map<std::string, std::string>> special_token_texts(const std::filesystem::path& file) try {
  std::map<std::string, std::string> texts;
  const json object = read_object(file);
  for (const auto& [key, value] : object.items()) {
    const auto text = key.ends_with("_token") ? content_of(value) : std::nullopt;
    if (text) texts[key] = *text;
  }
  return texts;
} catch (const Failure& failure) {
  return Error{failure.what()};
}

Result<SpecialTokens> read_special_tokens(const std::filesystem::path& folder, const Tokenizer& tokenizer) try {
  SpecialTokens out;
  for (const char* name : kTokenFiles) {
    auto texts = special_token_texts(folder / name);
    if (!texts) return texts.error();
    for (const Name& one : kNames) {
      const auto found = texts->find(one.token);
      if (found == texts->end() || out.*one.field) continue;
      const auto id = tokenizer.id_of(found->second);
      if (!id)
        throw Failure((folder / name).string() + ": " + one.token + " \"" + found->second +
                      "\" is not in the vocabulary");
      out.*one.field = id;
    }
  }
  if (out.eos) add_stop(out, *out.eos);
  const auto own_file = folder / "generation_config.json";
  const auto generation_file = std::filesystem::exists(own_file) ? own_file : folder / "config.json";
  const json generation = read_object(generation_file);
  for (const Name& one : kNames) {
    if (one.id == nullptr || !generation.contains(one.id) || generation[one.id].is_null()) continue;
    const json& value = generation[one.id];
    const json ids = value.is_array() ? value : json::array({value});
    for (const json& item : ids) {
      if (item.is_number_integer() && item < 0) continue;  // -1 says that there is none
      if (one.field == &SpecialTokens::pad && item.is_number_integer() && item >= tokenizer.vocabulary_size())
        continue;  // of a table that was made larger: nothing is padded here
      const TokenId id = checked_id(item, tokenizer, generation_file.string() + ": " + one.id);
      if (!(out.*one.field)) out.*one.field = id;
      if (one.field == &SpecialTokens::eos) add_stop(out, id);
    }
  }
  return out;
} catch (const Failure& failure) {
  return Error{failure.what()};
}

}  // namespace weft::text
