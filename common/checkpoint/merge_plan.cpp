// Matching the adapter's names with the base's.
#include "common/checkpoint/merge_plan.h"

#include <algorithm>
#include <map>

namespace weft::checkpoint {
namespace {

constexpr std::string_view kRoot = "base_model.model.";
constexpr std::string_view kA = ".lora_A.weight", kB = ".lora_B.weight";

bool begins_with_any(const std::string& name, const std::vector<std::string_view>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

std::string merged_name(const std::string& name, const HeadRule& rule) {
  if (name.starts_with(rule.prefix) || begins_with_any(name, rule.heads)) return name;
  return std::string(rule.prefix).append(name);
}

bool fits(const TensorView& weight, const PeftFolder& adapter, const std::string& module) {
  if (weight.dtype != DType::f32 && weight.dtype != DType::f16 && weight.dtype != DType::bf16) return false;
  const TensorSpec& a = *adapter.state.manifest->find(std::string(module).append(kA));
  const TensorSpec& b = *adapter.state.manifest->find(std::string(module).append(kB));
  std::vector<std::int64_t> shape{b.shape[0], a.shape[1]};
  if (adapter.config.fan_in_fan_out) std::reverse(shape.begin(), shape.end());
  return weight.shape == shape;
}

}  // namespace

std::vector<MergedTensor> plan_merge(const Safetensors& base, const PeftFolder& adapter, const HeadRule& rule) {
  std::map<std::string, MergedTensor> plan;
  for (const auto& [name, view] : base.tensors()) {
    if (begins_with_any(name, rule.dropped)) continue;
    const std::string to = merged_name(name, rule);
    plan[to] = {.name = to, .base = &view};
  }
  std::string problems;
  const auto problem = [&](const std::string& name, const std::string& why) {
    problems.append("\n  ").append(name).append(": ").append(why);
  };
  for (const TensorSpec& spec : adapter.state.manifest->tensors()) {
    const std::string name = spec.name.substr(kRoot.size());
    if (name.ends_with(kB)) continue;  // comes with its partner
    if (name.ends_with(kA)) {
      const std::string module = spec.name.substr(0, spec.name.size() - kA.size());
      const std::string weight = std::string(name, 0, name.size() - kA.size()).append(".weight");
      const auto found = plan.find(weight);
      if (found == plan.end()) {
        problem(module, std::string("the base has no ").append(weight));
      } else if (!fits(*found->second.base, adapter, module)) {
        problem(module, std::string("its factors do not have the shape of ").append(weight));
      } else {
        found->second.module = module;
      }
      continue;
    }
    const auto [entry, added] = plan.try_emplace(name, MergedTensor{.name = name});
    if (added && !begins_with_any(name, rule.heads)) problem(spec.name, std::string("the base has no ").append(name));
    if (!added && entry->second.base->shape != spec.shape) problem(spec.name, "has another shape than in the base");
    entry->second.whole = &spec;
  }
  if (!problems.empty()) throw ConfigError("the adapter does not fit the base model:" + problems);
  std::vector<MergedTensor> tensors;
  for (auto& [name, tensor] : plan) tensors.push_back(std::move(tensor));
  return tensors;
}

}  // namespace weft::checkpoint
