// Matching the adapter's names with the base's.
#include "common/checkpoint/merge_plan.h"

#include <algorithm>
#include <map>
#include <optional>

#include "common/adapter/module_rules.h"
#include "common/tensor/half.h"

namespace weft::checkpoint {
namespace {

constexpr std::string_view kA = ".lora_A.weight", kB = ".lora_B.weight", kMagnitude = ".lora_magnitude_vector",
                           kScale = ".ia3_l", kBaseLayer = ".base_layer", kRowsA = ".lora_embedding_A",
                           kRowsB = ".lora_embedding_B";

bool lies_in(std::string_view name, std::string_view module) {
  return name.size() > module.size() && name.starts_with(module) && name[module.size()] == '.';
}

class Planner {
 public:
  Planner(const Safetensors& base, const PeftFolder& adapter, const MergedModel& model)
      : adapter_(adapter), names_(model.names), head_(model.head) {
    for (const auto& [name, view] : base.tensors()) {
      const std::string to = merged_name(name);
      if (!dropped(to)) plan_[names_.model_name(to)] = {.name = to, .base = &view};
    }
    if (model.untied) untie();
  }

  std::vector<MergedTensor> plan() {
    for (const TensorSpec& spec : adapter_.state.manifest->tensors()) add(spec);
    // What the base has of a head that is trained whole, and the adapter has not, is of another head.
    std::erase_if(plan_, [&](const auto& entry) { return entry.second.whole == nullptr && replaced(entry.first); });
    if (!problems_.empty()) throw ConfigError("the adapter does not fit the base model:" + problems_);
    std::vector<MergedTensor> tensors;
    for (auto& [name, tensor] : plan_) tensors.push_back(std::move(tensor));
    return tensors;
  }

 private:
  void untie() {
    const auto table = plan_.find(std::string(names_.tokens) + ".weight");
    const std::string name = std::string(head_.modules.front()) + ".weight";
    if (table != plan_.end()) plan_[name] = {.name = name, .base = table->second.base};
  }
  bool of_head(const std::string& name, const FamilyHead& head) const {
    return std::any_of(head.modules.begin(), head.modules.end(),
                       [&](std::string_view module) { return lies_in(name, module); });
  }
  // Whether the adapter brings all of the module that a tensor of the head is in.
  bool replaced(const std::string& name) const {
    const std::vector<std::string> saved = adapter_.config.adapter.modules_to_save.value_or(std::vector<std::string>{});
    return of_head(name, head_) && is_saved_whole(saved, name.substr(0, name.rfind('.')));
  }
  bool below_head(const std::string& name) const {
    return std::any_of(head_.below.begin(), head_.below.end(),
                       [&](std::string_view module) { return lies_in(name, module); });
  }
  std::string merged_name(const std::string& name) const {
    const auto begins = [&](std::string_view prefix) { return name.starts_with(prefix); };
    if (begins(names_.prefix) || names_.of_some_head(name) ||
        std::any_of(names_.dropped.begin(), names_.dropped.end(), begins))
      return name;
    return std::string(names_.prefix).append(name);
  }
  bool dropped(const std::string& name) const {
    return std::any_of(names_.dropped.begin(), names_.dropped.end(),
                       [&](std::string_view prefix) { return name.starts_with(prefix); }) ||
           (names_.of_some_head(name) && !of_head(name, head_));
  }

  void problem(const std::string& name, const std::string& why) {
    problems_.append("\n  ").append(name).append(": ").append(why);
  }

  void add(const TensorSpec& spec) {
    const std::string name = spec.name.substr(kAdapterRoot.size());
    const auto module_of = [&](std::string_view ending) { return name.substr(0, name.size() - ending.size()); };
    if (name.ends_with(kB) || name.ends_with(kMagnitude) || name.ends_with(kRowsB)) return;  // come with lora_A
    if (name.ends_with(kA)) return add_pair(spec, module_of(kA), stored_IO(module_of(kA)), kB);
    if (name.ends_with(kRowsA)) return add_pair(spec, module_of(kRowsA), true, kRowsB);
    if (name.ends_with(kScale)) return add_scale(spec, module_of(kScale));
    add_whole(spec, name);
  }

  // Heads are stored [O, I] in every family. The adapter's own fan_in_fan_out is that of the module that PEFT came to
  // last.
  bool stored_IO(const std::string& module) const { return names_.linears_IO && !of_head(module + ".weight", head_); }

  // The base's weight of that module, if its values can be changed and it has this shape; else notes why not.
  MergedTensor* weight_of(const std::string& module, std::vector<std::int64_t> shape_OI, bool stored_IO) {
    const auto found = plan_.find(module + ".weight");
    if (found == plan_.end() || found->second.base == nullptr) {
      problem(module, "the base has no " + module + ".weight");
      return nullptr;
    }
    if (stored_IO) std::reverse(shape_OI.begin(), shape_OI.end());
    found->second.module = module;
    found->second.stored_IO = stored_IO;
    const TensorView& base = *found->second.base;
    bool same = is_real(base.dtype) && base.shape.size() == shape_OI.size();
    for (std::size_t i = 0; same && i < shape_OI.size(); ++i) same = shape_OI[i] == 1 || shape_OI[i] == base.shape[i];
    if (same) return &found->second;
    problem(module, "its tensors do not have the shape of " + module + ".weight");
    return nullptr;
  }

  void add_pair(const TensorSpec& a, const std::string& module, bool stored_IO, std::string_view b_ending) {
    const std::string root = std::string(kAdapterRoot) + module;
    const TensorSpec& b = *adapter_.state.manifest->find(root + std::string(b_ending));
    MergedTensor* weight = weight_of(module, {b.shape[0], a.shape[1]}, stored_IO);
    if (weight == nullptr) return;
    weight->a = &a;
    weight->b = &b;
    weight->magnitude = adapter_.state.manifest->find(root + std::string(kMagnitude));
    if (weight->magnitude != nullptr && weight->magnitude->size != static_cast<std::size_t>(b.shape[0]))
      problem(module, "its lora_magnitude_vector has another length than lora_B");
  }

  void add_scale(const TensorSpec& scale, const std::string& module) {
    MergedTensor* weight = weight_of(module, scale.shape, stored_IO(module));
    if (weight == nullptr) return;
    weight->scale = &scale;
    const bool of_outputs = scale.shape.size() == 2 && scale.shape[1] == 1;
    const auto bias = plan_.find(module + ".bias");
    if (of_outputs && bias != plan_.end()) bias->second.scale = &scale;
  }

  void add_whole(const TensorSpec& spec, std::string name) {
    if (const std::size_t at = name.rfind(kBaseLayer); at != std::string::npos) name.erase(at, kBaseLayer.size());
    const auto [entry, added] = plan_.try_emplace(name, MergedTensor{.name = name});
    const TensorView*& base = entry->second.base;
    if (added && !of_head(name, head_) && !below_head(name)) problem(spec.name, "the base has no " + name);
    if (base != nullptr && base->shape != spec.shape) {
      if (!replaced(name)) problem(spec.name, "has another shape than in the base");
      base = nullptr;  // a head for other labels
    }
    entry->second.whole = &spec;
  }

  const PeftFolder& adapter_;
  const FamilyNames& names_;
  const FamilyHead& head_;
  std::map<std::string, MergedTensor> plan_;  // by names in the model
  std::string problems_;
};

}  // namespace

std::vector<MergedTensor> plan_merge(const Safetensors& base, const PeftFolder& adapter, const MergedModel& model) {
  return Planner(base, adapter, model).plan();
}

}  // namespace weft::checkpoint
