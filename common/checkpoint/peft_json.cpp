// adapter_config.json.
#include "common/checkpoint/peft_json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/adapter/module_rules.h"
#include "common/base/json_depth.h"

namespace weft::checkpoint {
namespace {

using Json = nlohmann::ordered_json;

// In the order of the enumerations.
constexpr std::array<const char*, 4> kMethods{"LORA", "IA3", "WEFT_BITFIT", "WEFT_FULL"};
constexpr std::array<const char*, 3> kBiases{"none", "all", "lora_only"};
constexpr std::array<const char*, 5> kTasks{"SEQ_CLS", "TOKEN_CLS", "CAUSAL_LM", nullptr, nullptr};

const std::array<Json, 5>& inits() {
  static const std::array<Json, 5> values{true, "gaussian", "orthogonal", "pissa", "olora"};
  return values;
}

// Options of LoRA that change what is computed, with the values that change nothing. All else in the file is either
// read below or only matters while PEFT trains.
const std::vector<std::pair<std::string, std::vector<Json>>>& neutral_values() {
  static const std::vector<std::pair<std::string, std::vector<Json>>> table{
      {"alora_invocation_tokens", {nullptr}},
      {"arrow_config", {nullptr}},
      {"ensure_weight_tying", {false}},
      {"layer_replication", {nullptr}},
      {"lora_bias", {false}},
      {"monteclora_config", {nullptr}},
      {"target_parameters", {nullptr, Json::array()}},
      {"trainable_token_indices", {nullptr}},
      {"use_bdlora", {nullptr, false}},
      {"use_qalora", {false}},
      {"velora_config", {nullptr}},
  };
  return table;
}

Json whole_if_it_is(double value) {
  const bool whole = value == std::floor(value) && std::abs(value) < 1e15;
  return whole ? Json(static_cast<std::int64_t>(value)) : Json(value);
}

Json modules_json(const ModuleTargets& targets) {
  if (targets.all_linear) return "all-linear";
  return targets.pattern.empty() ? Json(targets.names) : Json(targets.pattern);
}

template <class Values>
Json null_if_empty(const Values& values) {
  return values.empty() ? Json() : Json(values);
}

template <class Value>
Json patterns_json(const std::vector<std::pair<std::string, Value>>& patterns) {
  Json json = Json::object();
  for (const auto& [pattern, value] : patterns) json[pattern] = whole_if_it_is(static_cast<double>(value));
  return json;
}

void add_lora(Json& json, const AdapterConfig& adapter) {
  json["alpha_pattern"] = patterns_json(adapter.alpha_pattern);
  json["bias"] = kBiases[static_cast<std::size_t>(adapter.bias)];
  json["init_lora_weights"] = inits()[static_cast<std::size_t>(adapter.init)];
  json["layer_replication"] = nullptr;
  json["loftq_config"] = Json::object();
  json["lora_alpha"] = whole_if_it_is(adapter.alpha);
  json["lora_bias"] = false;
  json["lora_dropout"] = adapter.dropout;
  json["megatron_config"] = nullptr;
  json["megatron_core"] = "megatron.core";
  json["r"] = adapter.rank;
  json["rank_pattern"] = patterns_json(adapter.rank_pattern);
  json["target_parameters"] = nullptr;
  json["trainable_token_indices"] = nullptr;
  json["use_dora"] = adapter.decomposed;
  json["use_rslora"] = adapter.rank_stabilized;
}

// Collects values of an object and the first of its problems.
class Reader {
 public:
  explicit Reader(const Json& json) : json_(json) {}
  const std::optional<Error>& problem() const { return problem_; }
  const Json& at(const std::string& key) const {
    static const Json absent;
    const auto found = json_.find(key);
    return found == json_.end() ? absent : *found;
  }
  void bad(const std::string& key, const std::string& expected) {
    if (!problem_) problem_ = Error{"\"" + key + "\" is " + at(key).dump() + ", expected " + expected};
  }
  bool flag(const std::string& key) {
    if (!at(key).is_null() && !at(key).is_boolean()) bad(key, "true or false");
    return at(key).is_boolean() && at(key).get<bool>();
  }
  std::vector<std::string> names(const std::string& key) {
    const Json& list = at(key);
    std::vector<std::string> result;
    if (list.is_null()) return result;
    if (!list.is_array() || !std::all_of(list.begin(), list.end(), [](const Json& name) { return name.is_string(); })) {
      bad(key, "a list of names of modules");
      return result;
    }
    for (const Json& name : list)  // PEFT writes a name several times; once is enough
      if (std::find(result.begin(), result.end(), name.get<std::string>()) == result.end()) result.push_back(name);
    return result;
  }
  double number(const std::string& key, const Json& value, double min, const std::string& expected) {
    if (value.is_number() && std::isfinite(value.get<double>()) && value.get<double>() >= min)
      return value.get<double>();
    bad(key, expected);
    return min;
  }
  std::int64_t rank(const std::string& key, const Json& value) {
    if (value.is_number_integer() && value.get<std::int64_t>() >= 1 && value.get<std::int64_t>() <= 1 << 20)
      return value.get<std::int64_t>();
    bad(key, "a positive rank");
    return 1;
  }
  // Index of the value in the table; its first entry where the key is absent.
  template <class Table>
  std::size_t choice(const std::string& key, const Table& table, const std::string& expected) {
    if (at(key).is_null()) return 0;
    for (std::size_t i = 0; i < table.size(); ++i)
      if (at(key) == Json(table[i])) return i;
    bad(key, expected);
    return 0;
  }
  std::vector<std::int64_t> layers(const std::string& key) {
    std::vector<std::int64_t> result;
    if (at(key).is_null()) return result;
    for (const Json& layer : at(key).is_array() ? at(key) : Json::array({at(key)})) {
      if (!layer.is_number_integer()) {
        bad(key, "a layer's index, or a list of them");
        return result;
      }
      result.push_back(layer.get<std::int64_t>());
    }
    return result;
  }
  // Of an object whose keys are regular expressions, in its order.
  std::vector<std::pair<std::string, Json>> patterns(const std::string& key) {
    std::vector<std::pair<std::string, Json>> result;
    if (at(key).is_null()) return result;
    if (!at(key).is_object()) bad(key, "an object of regular expressions");
    for (const auto& [pattern, value] : at(key).items()) {
      if (!pattern_problem(pattern).empty()) bad(key, "regular expressions: " + pattern_problem(pattern));
      result.emplace_back(pattern, value);
    }
    return result;
  }
  // A list of names, or one regular expression.
  ModuleTargets modules(const std::string& key) {
    if (!at(key).is_string()) return {.names = names(key)};
    const auto text = at(key).get<std::string>();
    if (!pattern_problem(text).empty()) bad(key, "a list or a regular expression: " + pattern_problem(text));
    return {.pattern = text};
  }
  // Regular expressions: one, or a list.
  std::vector<std::string> patterns_of_names(const std::string& key) {
    const ModuleTargets found = modules(key);
    if (!found.pattern.empty()) return {found.pattern};
    for (const std::string& pattern : found.names)
      if (!pattern_problem(pattern).empty()) bad(key, "regular expressions: " + pattern_problem(pattern));
    return found.names;
  }
  ModuleTargets targets() {
    const std::string key = "target_modules";
    const Json& value = at(key);
    if (value == "all-linear") return {.all_linear = true};
    if (value.is_string() && value.get<std::string>().empty())
      bad(key, "a list, \"all-linear\" or a regular expression");
    return modules(key);
  }

 private:
  const Json& json_;
  std::optional<Error> problem_;
};

void read_init(Reader& in, AdapterConfig& adapter) {
  const std::string key = "init_lora_weights";
  // false: B was random as well; eva: A came from activations. The tensors are read from the file, so that is the same
  // to us.
  if (in.at(key) == false || in.at(key) == "eva") return;
  if (in.at(key).is_string() && in.at(key).get<std::string>().starts_with("pissa_niter_"))
    return in.bad(key,
                  "pissa: a start by random iterations is another one at each load, so that the folder does not say "
                  "what it took out of the base. Save the adapter as plain LoRA (PEFT: save_pretrained with "
                  "path_initial_model_for_weight_conversion)");
  adapter.init = static_cast<LoraInit>(in.choice(key, inits(), "true, gaussian, orthogonal, pissa, olora or eva"));
  if (adapter.init == LoraInit::olora && in.flag("fan_in_fan_out"))
    in.bad(key, "another start: PEFT's olora mixes up input and output of layers with fan_in_fan_out");
}

void read_lora(Reader& in, AdapterConfig& adapter) {
  for (const auto& [key, neutral] : neutral_values())
    if (!in.at(key).is_null() && std::find(neutral.begin(), neutral.end(), in.at(key)) == neutral.end())
      in.bad(key, neutral.back().dump() + "; weft does not compute this variant of LoRA");
  adapter.rank = in.rank("r", in.at("r"));
  adapter.alpha = in.number("lora_alpha", in.at("lora_alpha"), std::numeric_limits<double>::lowest(), "a number");
  if (!in.at("lora_dropout").is_null())
    adapter.dropout = in.number("lora_dropout", in.at("lora_dropout"), 0, "a number in [0, 1)");
  if (adapter.dropout >= 1) in.bad("lora_dropout", "a number in [0, 1)");
  adapter.rank_stabilized = in.flag("use_rslora");
  adapter.decomposed = in.flag("use_dora");
  adapter.bias = static_cast<AdapterBias>(in.choice("bias", kBiases, "none, all or lora_only"));
  read_init(in, adapter);
  for (const auto& [pattern, value] : in.patterns("rank_pattern"))
    adapter.rank_pattern.emplace_back(pattern, in.rank("rank_pattern", value));
  for (const auto& [pattern, value] : in.patterns("alpha_pattern"))
    adapter.alpha_pattern.emplace_back(
        pattern, in.number("alpha_pattern", value, std::numeric_limits<double>::lowest(), "numbers"));
}

std::optional<TaskKind> read_task(Reader& in) {
  if (in.at("task_type").is_null()) return std::nullopt;
  for (std::size_t i = 0; i < kTasks.size() && kTasks[i] != nullptr; ++i)
    if (in.at("task_type") == kTasks[i]) return static_cast<TaskKind>(i);
  return std::nullopt;
}

}  // namespace

std::string peft_config_json(const PeftConfig& config) {
  const AdapterConfig& adapter = config.adapter;
  const std::vector<std::string> saved = adapter.modules_to_save.value_or(std::vector<std::string>{});
  const char* task = config.task ? kTasks[static_cast<std::size_t>(*config.task)] : nullptr;
  Json json{{"auto_mapping", nullptr},
            {"base_model_name_or_path", config.base_model},
            {"exclude_modules", adapter.exclude_modules.empty() ? Json() : modules_json(adapter.exclude_modules)},
            {"fan_in_fan_out", config.fan_in_fan_out},
            {"inference_mode", true},
            {"modules_to_save", null_if_empty(saved)},
            {"peft_type", kMethods[static_cast<std::size_t>(adapter.method)]},
            {"revision", nullptr},
            {"task_type", task == nullptr ? Json() : Json(task)}};
  if (adapter.method != AdapterMethod::bitfit) json["target_modules"] = modules_json(adapter.target_modules);
  if (adapter.method == AdapterMethod::lora || adapter.method == AdapterMethod::full) {
    json["layers_pattern"] = null_if_empty(adapter.layers_pattern);
    json["layers_to_transform"] = null_if_empty(adapter.layers_to_transform);
  }
  if (adapter.method == AdapterMethod::ia3) {
    json["feedforward_modules"] = modules_json(adapter.feedforward_modules);
    json["init_ia3_weights"] = true;
  }
  if (adapter.method == AdapterMethod::lora) add_lora(json, adapter);
  return json.dump(2) + "\n";
}

Result<PeftConfig> parse_peft_config(const std::string& text) {
  const Json json = Json::parse(shallow_json(text), nullptr, false);
  if (!json.is_object()) return Error{"not a JSON object"};
  Reader in(json);
  PeftConfig config;
  AdapterConfig& adapter = config.adapter;
  if (in.at("peft_type").is_null()) in.bad("peft_type", "\"LORA\" or \"IA3\"");
  adapter.method = static_cast<AdapterMethod>(in.choice("peft_type", kMethods, "\"LORA\" or \"IA3\""));
  adapter.modules_to_save = in.names("modules_to_save");
  if (adapter.method != AdapterMethod::bitfit) {
    adapter.target_modules = in.targets();
    adapter.exclude_modules = in.modules("exclude_modules");
  }
  if (adapter.method == AdapterMethod::lora || adapter.method == AdapterMethod::full) {
    adapter.layers_to_transform = in.layers("layers_to_transform");
    adapter.layers_pattern = in.patterns_of_names("layers_pattern");
  }
  if (adapter.method == AdapterMethod::lora) read_lora(in, adapter);
  if (adapter.method == AdapterMethod::ia3) adapter.feedforward_modules = in.modules("feedforward_modules");
  if (in.at("base_model_name_or_path").is_string())
    config.base_model = in.at("base_model_name_or_path").get<std::string>();
  config.fan_in_fan_out = in.flag("fan_in_fan_out");
  config.task = read_task(in);
  if (in.problem()) return *in.problem();
  return config;
}

}  // namespace weft::checkpoint
