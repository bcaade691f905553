// The two JSON files of an adapter folder.
#include "common/checkpoint/peft_json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace weft::checkpoint {
namespace {

using Json = nlohmann::ordered_json;

// Options of LoRA that change what is computed, with the values that change nothing. All else in the file is either
// read below or only matters while PEFT trains.
const std::vector<std::pair<std::string, std::vector<Json>>>& neutral_values() {
  static const std::vector<std::pair<std::string, std::vector<Json>>> table{
      {"alora_invocation_tokens", {nullptr}},
      {"alpha_pattern", {nullptr, Json::object()}},
      {"arrow_config", {nullptr}},
      {"bias", {"none"}},
      {"layer_replication", {nullptr}},
      {"lora_bias", {false}},
      {"monteclora_config", {nullptr}},
      {"rank_pattern", {nullptr, Json::object()}},
      {"target_parameters", {nullptr, Json::array()}},
      {"trainable_token_indices", {nullptr}},
      {"use_bdlora", {nullptr, false}},
      {"use_dora", {false}},
      {"use_qalora", {false}},
      {"velora_config", {nullptr}},
  };
  return table;
}

Error bad(const std::string& key, const Json& got, const std::string& expected) {
  return {"\"" + key + "\" is " + got.dump() + ", expected " + expected};
}

Result<std::vector<std::string>> names(const Json& json, const std::string& key) {
  const Json list = json.value(key, Json());
  if (list.is_null()) return std::vector<std::string>{};
  if (!list.is_array() || !std::all_of(list.begin(), list.end(), [](const Json& name) { return name.is_string(); }))
    return bad(key, list, "a list of names of modules");
  std::vector<std::string> result;  // PEFT writes a name several times; once is enough
  for (const Json& name : list)
    if (std::find(result.begin(), result.end(), name.get<std::string>()) == result.end()) result.push_back(name);
  return result;
}

Result<bool> flag(const Json& json, const std::string& key) {
  const Json value = json.value(key, Json(false));
  if (!value.is_boolean()) return bad(key, value, "true or false");
  return value.get<bool>();
}

}  // namespace

std::string peft_config_json(const PeftConfig& config) {
  const bool whole = config.alpha == std::floor(config.alpha) && std::abs(config.alpha) < 1e15;
  const Json alpha = whole ? Json(static_cast<std::int64_t>(config.alpha)) : Json(config.alpha);
  const Json json{{"alpha_pattern", Json::object()},
                  {"auto_mapping", nullptr},
                  {"base_model_name_or_path", config.base_model},
                  {"bias", "none"},
                  {"exclude_modules", nullptr},
                  {"fan_in_fan_out", config.fan_in_fan_out},
                  {"inference_mode", true},
                  {"init_lora_weights", true},
                  {"layer_replication", nullptr},
                  {"layers_pattern", nullptr},
                  {"layers_to_transform", nullptr},
                  {"loftq_config", Json::object()},
                  {"lora_alpha", alpha},
                  {"lora_bias", false},
                  {"lora_dropout", config.dropout},
                  {"megatron_config", nullptr},
                  {"megatron_core", "megatron.core"},
                  {"modules_to_save", config.modules_to_save.empty() ? Json() : Json(config.modules_to_save)},
                  {"peft_type", "LORA"},
                  {"r", config.rank},
                  {"rank_pattern", Json::object()},
                  {"revision", nullptr},
                  {"target_modules", config.target_modules},
                  {"target_parameters", nullptr},
                  {"task_type", "SEQ_CLS"},
                  {"trainable_token_indices", nullptr},
                  {"use_dora", false},
                  {"use_rslora", config.rank_stabilized}};
  return json.dump(2) + "\n";
}

Result<PeftConfig> parse_peft_config(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return Error{"not a JSON object"};
  if (json.value("peft_type", Json()) != "LORA") return bad("peft_type", json.value("peft_type", Json()), "\"LORA\"");
  for (const auto& [key, neutral] : neutral_values())
    if (json.contains(key) && std::find(neutral.begin(), neutral.end(), json[key]) == neutral.end())
      return bad(key, json[key], neutral.back().dump() + "; weft does not compute this variant of LoRA");
  PeftConfig config;
  const Json rank = json.value("r", Json()), alpha = json.value("lora_alpha", Json()),
             dropout = json.value("lora_dropout", Json(0.0)), base = json.value("base_model_name_or_path", Json());
  if (!rank.is_number_integer() || rank.get<std::int64_t>() < 1 || rank.get<std::int64_t>() > 1 << 20)
    return bad("r", rank, "a positive rank");
  if (!alpha.is_number() || !std::isfinite(alpha.get<double>())) return bad("lora_alpha", alpha, "a number");
  if (!dropout.is_number() || !(dropout.get<double>() >= 0 && dropout.get<double>() < 1))
    return bad("lora_dropout", dropout, "a number in [0, 1)");
  config.rank = rank.get<std::int64_t>();
  config.alpha = alpha.get<double>();
  config.dropout = dropout.get<double>();
  if (base.is_string()) config.base_model = base.get<std::string>();
  for (const auto& [key, list] :
       {std::pair{"target_modules", &config.target_modules}, std::pair{"modules_to_save", &config.modules_to_save}}) {
    Result<std::vector<std::string>> found = names(json, key);
    if (!found) return found.error();
    *list = std::move(found).value();
  }
  for (const auto& [key, target] :
       {std::pair{"use_rslora", &config.rank_stabilized}, std::pair{"fan_in_fan_out", &config.fan_in_fan_out}}) {
    const Result<bool> found = flag(json, key);
    if (!found) return found.error();
    *target = found.value();
  }
  return config;
}

std::string adapter_facts_json(const AdapterFacts& facts) {
  const Json json{{"format", 1},
                  {"run", facts.run},
                  {"run_id", facts.run_id},
                  {"version", facts.version},
                  {"labels", facts.labels},
                  {"max_tokens", facts.max_tokens},
                  {"base_digest", facts.base_digest},
                  {"adapter_digest", facts.adapter_digest}};
  return json.dump(2) + "\n";
}

Result<AdapterFacts> parse_adapter_facts(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return Error{"not a JSON object"};
  if (json.value("format", Json()) != 1) return bad("format", json.value("format", Json()), "1");
  try {
    return AdapterFacts{.run = json.at("run").get<std::string>(),
                        .run_id = json.at("run_id").get<std::string>(),
                        .version = json.at("version").get<std::uint32_t>(),
                        .labels = json.at("labels").get<std::vector<std::string>>(),
                        .max_tokens = json.at("max_tokens").get<std::uint64_t>(),
                        .base_digest = json.at("base_digest").get<std::string>(),
                        .adapter_digest = json.at("adapter_digest").get<std::string>()};
  } catch (const Json::exception& error) {
    return Error{error.what()};
  }
}

}  // namespace weft::checkpoint
