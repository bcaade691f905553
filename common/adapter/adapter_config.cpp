// Reading the `adapter` block. Keys of one method are unknown keys to the others.
#include "common/adapter/adapter_config.h"

#include "common/adapter/module_rules.h"

namespace weft {
namespace {

// In the order of the enumerations.
const std::vector<std::string> kMethods{"lora", "ia3", "bitfit", "full"};
const std::vector<std::string> kBiases{"none", "all", "lora_only"};
const std::vector<std::string> kInits{"default", "gaussian", "orthonormal", "pissa", "olora"};

template <class Enum>
Enum chosen(const YamlView& view, const std::string& key, const std::vector<std::string>& names) {
  const std::string name = view.choice(key, names, names.front());
  std::size_t index = 0;
  while (names[index] != name) ++index;
  return static_cast<Enum>(index);
}

void check_pattern(const YamlView& view, const std::string& key, const std::string& pattern) {
  if (const std::string problem = pattern_problem(pattern); !problem.empty())
    view.fail(key, "\"" + pattern + "\" is not a regular expression: " + problem);
}

// A list of names, or one regular expression; nothing where the key is absent.
ModuleTargets parse_modules(const YamlView& adapter, const std::string& key) {
  if (!adapter.has(key) || adapter.is_list(key)) return {.names = adapter.texts(key, std::vector<std::string>{})};
  ModuleTargets modules{.pattern = adapter.text(key)};
  check_pattern(adapter, key, modules.pattern);
  return modules;
}

ModuleTargets parse_targets(const YamlView& adapter) {
  const std::string key = "target_modules";
  if (!adapter.has(key)) adapter.texts(key);  // says that it is required
  ModuleTargets targets = parse_modules(adapter, key);
  if (targets.empty()) adapter.fail(key, "is empty; name at least one, such as query, or write all-linear");
  if (targets.pattern == "all-linear") return {.all_linear = true};
  return targets;
}

std::vector<std::int64_t> parse_layers(const YamlView& adapter, const ModuleTargets& targets) {
  const std::string key = "layers_to_transform";
  std::vector<std::int64_t> layers;
  for (const double layer : adapter.numbers(key, std::vector<double>{})) {
    if (layer < 0 || layer != static_cast<double>(static_cast<std::int64_t>(layer)) || layer > 1e6)
      adapter.fail(key, "expected indices of layers, from 0");
    layers.push_back(static_cast<std::int64_t>(layer));
  }
  if (!layers.empty() && targets.names.empty())
    adapter.fail(key, "goes with a list of target_modules only; put the layers into the regular expression");
  return layers;
}

void parse_lora(const YamlView& adapter, AdapterConfig& config) {
  constexpr NumberRange kRank{.min = 1, .max = 4096}, kAlpha{.min = 0, .exclusive_min = true};
  config.rank = adapter.integer("rank", 8, kRank);
  config.alpha = adapter.number("alpha", 16, kAlpha);
  config.dropout = adapter.number("dropout", 0, {.min = 0, .max = 1, .exclusive_max = true});
  config.rank_stabilized = adapter.boolean("use_rslora", false);
  config.decomposed = adapter.boolean("use_dora", false);
  config.bias = chosen<AdapterBias>(adapter, "bias", kBiases);
  config.init = chosen<LoraInit>(adapter, "init_lora_weights", kInits);
  const YamlView ranks = adapter.child_or_empty("rank_pattern"), alphas = adapter.child_or_empty("alpha_pattern");
  for (const std::string& pattern : ranks.keys()) {
    check_pattern(ranks, pattern, pattern);
    config.rank_pattern.emplace_back(pattern, ranks.integer(pattern, {}, kRank));
  }
  for (const std::string& pattern : alphas.keys()) {
    check_pattern(alphas, pattern, pattern);
    config.alpha_pattern.emplace_back(pattern, alphas.number(pattern, {}, kAlpha));
  }
}

}  // namespace

AdapterConfig AdapterConfig::parse(const YamlView& adapter) {
  AdapterConfig config;
  config.method = chosen<AdapterMethod>(adapter, "method", kMethods);
  if (adapter.has("modules_to_save")) config.modules_to_save = adapter.texts("modules_to_save");
  if (config.method == AdapterMethod::bitfit) return config;
  config.target_modules = parse_targets(adapter);
  config.exclude_modules = parse_modules(adapter, "exclude_modules");
  if (config.method == AdapterMethod::ia3) {
    config.feedforward_modules = parse_modules(adapter, "feedforward_modules");
    return config;
  }
  config.layers_to_transform = parse_layers(adapter, config.target_modules);
  config.layers_pattern = adapter.texts("layers_pattern", std::vector<std::string>{});
  for (const std::string& pattern : config.layers_pattern) check_pattern(adapter, "layers_pattern", pattern);
  if (config.method == AdapterMethod::lora) parse_lora(adapter, config);
  return config;
}

}  // namespace weft
