// An adapter_config.json as the adapter block of a run file.
#include "cli/adapter_start.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "common/base/joined.h"

namespace weft::cli {
namespace {

using Json = nlohmann::ordered_json;  // a JSON value is a YAML value

// In the order of the enumerations.
constexpr std::array<const char*, 4> kMethods{"lora", "ia3", "bitfit", "full"};
constexpr std::array<const char*, 3> kBiases{"none", "all", "lora_only"};
constexpr std::array<const char*, 5> kInits{"default", "gaussian", "orthonormal", "pissa", "olora"};

template <class Enum, std::size_t count>
std::string name_in(const std::array<const char*, count>& names, Enum value) {
  return names.at(static_cast<std::size_t>(value));
}

template <class Value>
Json map_of(const std::vector<std::pair<std::string, Value>>& pairs) {
  Json map = Json::object();
  for (const auto& [key, value] : pairs) map[key] = value;
  return map;
}

Json modules_of(const ModuleTargets& targets) {
  if (targets.all_linear) return "all-linear";
  return targets.pattern.empty() ? Json(targets.names) : Json(targets.pattern);
}

// The keys of the block for this adapter.
Json keys_of(const AdapterConfig& adapter) {
  Json keys{{"method", name_in(kMethods, adapter.method)}};
  if (adapter.modules_to_save) keys["modules_to_save"] = *adapter.modules_to_save;
  if (adapter.method == AdapterMethod::bitfit) return keys;
  keys["target_modules"] = modules_of(adapter.target_modules);
  keys["exclude_modules"] = modules_of(adapter.exclude_modules);
  if (adapter.method == AdapterMethod::ia3) {
    keys["feedforward_modules"] = modules_of(adapter.feedforward_modules);
    return keys;
  }
  keys["layers_to_transform"] = adapter.layers_to_transform;
  keys["layers_pattern"] = adapter.layers_pattern;
  if (adapter.method == AdapterMethod::full) return keys;
  keys["rank"] = adapter.rank;
  keys["alpha"] = adapter.alpha;
  keys["dropout"] = adapter.dropout;
  keys["use_rslora"] = adapter.rank_stabilized;
  keys["use_dora"] = adapter.decomposed;
  keys["bias"] = name_in(kBiases, adapter.bias);
  keys["init_lora_weights"] = name_in(kInits, adapter.init);
  keys["rank_pattern"] = map_of(adapter.rank_pattern);
  keys["alpha_pattern"] = map_of(adapter.alpha_pattern);
  return keys;
}

std::string lines_of(const Json& keys, const std::string& but = {}) {
  std::string lines;
  for (const auto& [key, value] : keys.items())
    if (key != but) lines.append(key).append(": ").append(value.dump()).append("\n");
  return lines;
}

// A key that is given beside `start` changes nothing of what the folder says.
void check_agrees(const YamlView& adapter, const std::string& key, const Json& keys, const FoundAdapter& found) {
  if (!keys.contains(key))
    adapter.fail(key, "is no setting of the adapter that adapter.start names, whose method is " +
                          keys.at("method").get<std::string>() + " (" + found.folder.string() + "); remove it");
  const YamlView changed = YamlView::parse(lines_of(keys, key) + adapter.dump({key}), "the adapter block beside start");
  if (AdapterConfig::parse(changed) != found.peft.config.adapter)
    adapter.fail(key, "is not what the adapter that adapter.start names has: " + config_file_of(found).string() +
                          " says " + keys.at(key).dump() + "; remove the key, or start from another adapter");
}

}  // namespace

AdapterStart read_adapter_start(const YamlView& adapter) {
  FoundAdapter found = find_adapter(adapter.path("start"));
  const AdapterConfig& config = found.peft.config.adapter;
  if (config.changes_base())
    adapter.fail("start", "the adapter at " + found.folder.string() +
                              " began as a part of the base's weights (PiSSA or OLoRA) and fits a changed base only; "
                              "convert it to plain LoRA, as PEFT's "
                              "save_pretrained with path_initial_model_for_weight_conversion does");
  const Json keys = keys_of(config);
  for (const std::string& key : adapter.keys())
    if (key != "start") check_agrees(adapter, key, keys, found);
  const YamlView block = YamlView::parse(lines_of(keys), config_file_of(found).string());
  return {std::move(found), block};
}

void check_task(const AdapterStart& start, TaskKind task) {
  const std::optional<TaskKind>& theirs = start.found.peft.config.task;
  if (!theirs || *theirs == task) return;
  throw ConfigError("adapter.start: the adapter at " + start.found.folder.string() + " is for " +
                    std::string(name_of(*theirs)) + " (task_type), and task.kind is " + std::string(name_of(task)) +
                    "; start from one for this task");
}

void check_order_of_labels(const AdapterStart& start, const std::vector<std::string>& labels) {
  if (!start.found.peft.facts) return;
  const std::vector<std::string>& theirs = start.found.peft.facts->labels;
  if (theirs == labels || !std::is_permutation(theirs.begin(), theirs.end(), labels.begin(), labels.end())) return;
  throw ConfigError("adapter.start: the adapter at " + start.found.folder.string() + " tells apart [" + joined(theirs) +
                    "], task.labels has [" + joined(labels) + "]; list task.labels in the adapter's order");
}

const StateDict& initial_state_of(const AdapterStart& start, const std::filesystem::path& base,
                                  const models::Model& model) {
  const checkpoint::PeftFolder& peft = start.found.peft;
  const std::string where = "adapter.start: the adapter at " + start.found.folder.string();
  if (peft.facts && peft.facts->base_digest != model.base_digest())
    throw ConfigError(where + " was trained on a base model with digest " + peft.facts->base_digest +
                      ", that of model.path has " + model.base_digest() + "; name that model's folder there");
  if (const Status fits = checkpoint::check_base_copies(peft, base); !fits)
    throw ConfigError(where + ": " + fits.error().message + " in model.path");
  if (const std::string found = differences(*peft.state.manifest, *model.manifest()); !found.empty())
    throw ConfigError(where +
                      " does not fit the model of model.path and the run's task; name the model that it was trained "
                      "on, and as many labels as it has" +
                      found);
  return peft.state;
}

}  // namespace weft::cli
