// Which tensors of a BERT are trained: PEFT's rule of suffixes, PEFT's on-disk names, and their first values.
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "common/models/bert.h"

namespace weft::models {

using namespace bert_names;

namespace {

constexpr const char* kRoot = "base_model.model.";

// As PEFT: the whole name, or what follows a dot.
bool matches(const std::string& module, const std::vector<std::string>& suffixes) {
  return std::any_of(suffixes.begin(), suffixes.end(), [&](const std::string& suffix) {
    return module == suffix || (module.size() > suffix.size() && module.compare(module.size() - suffix.size() - 1,
                                                                                std::string::npos, "." + suffix) == 0);
  });
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

void copy_into(std::span<float> to, const at::Tensor& from) {
  const at::Tensor host = from.to(at::kCPU).contiguous();
  std::memcpy(to.data(), host.const_data_ptr(), to.size_bytes());
}

}  // namespace

Bert::Bert(const ClassifierConfig& config, const Checkpoint& checkpoint)
    : config_(BertConfig::parse(checkpoint.config(), config.base_dropout)),
      adapter_(config.adapter),
      classes_(static_cast<std::int64_t>(config.labels.size())),
      device_(config.device),
      weights_(load_bert_weights(checkpoint, config_, classes_, device_)),
      pooler_(nn::frozen_fp32(weights_.pooler_weight_DD, weights_.pooler_bias_D)),
      base_digest_(checkpoint.digest()) {
  if (classes_ < 2) throw ConfigError("task.labels: a classifier needs at least two labels");
  for (const std::string& module : adapter_.modules_to_save)
    if (module != "classifier" && module != "pooler")
      throw ConfigError("adapter.modules_to_save: \"" + module +
                        "\" cannot be trained whole; known: classifier, pooler");
  if (!saved_whole("classifier") && !weights_.classifier_weight_CD.defined())
    throw ConfigError("adapter.modules_to_save does not name classifier, and the checkpoint " +
                      checkpoint.folder().string() + " has none. Add classifier to the list.");
  place_adapters();
}

bool Bert::saved_whole(const std::string& module) const {
  const auto& names = adapter_.modules_to_save;
  return std::find(names.begin(), names.end(), module) != names.end();
}

void Bert::add_adapter(const std::string& linear, const std::string& module, std::int64_t in, std::int64_t out,
                       std::int64_t first_output) {
  module_names_.push_back(module);
  if (!matches(module, adapter_.target_modules)) return;
  const std::string name = std::string(kRoot) + "bert." + module;
  adapters_[linear].push_back({name + ".lora_A.weight", name + ".lora_B.weight", in, out, first_output});
}

void Bert::place_adapters() {
  const std::int64_t width = config_.width, inner = config_.inner_width;
  for (std::int64_t i = 0; i < config_.layers; ++i) {
    const std::string name = models::bert_names::layer(i);
    add_adapter(name + "qkv", name + kQuery, width, width, 0);
    add_adapter(name + "qkv", name + kKey, width, width, width);
    add_adapter(name + "qkv", name + kValue, width, width, 2 * width);
    add_adapter(name + kAttentionOut, name + kAttentionOut, width, width, 0);
    add_adapter(name + kUp, name + kUp, width, inner, 0);
    add_adapter(name + kDown, name + kDown, inner, width, 0);
  }
  if (!saved_whole("pooler")) add_adapter(kPooler, kPooler, width, width, 0);
  for (const std::string& target : adapter_.target_modules)
    if (std::none_of(module_names_.begin(), module_names_.end(),
                     [&](const std::string& module) { return matches(module, {target}); }))
      throw ConfigError("adapter.target_modules: no linear layer of this model is called \"" + target +
                        "\". Its first layer has " +
                        joined({module_names_.begin(),
                                module_names_.begin() + std::min<std::ptrdiff_t>(6, std::ssize(module_names_))}));

  std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes;
  for (const auto& [linear, sites] : adapters_)
    for (const AdapterSite& site : sites) {
      shapes.emplace_back(site.a_name, std::vector{adapter_.rank, site.in});
      shapes.emplace_back(site.b_name, std::vector{site.out, adapter_.rank});
    }
  const std::string root = kRoot;
  if (saved_whole("classifier")) {
    shapes.emplace_back(root + "classifier.weight", std::vector{classes_, width});
    shapes.emplace_back(root + "classifier.bias", std::vector{classes_});
  }
  if (saved_whole("pooler")) {
    shapes.emplace_back(root + "bert.pooler.dense.weight", std::vector{width, width});
    shapes.emplace_back(root + "bert.pooler.dense.bias", std::vector{width});
  }
  manifest_ = std::make_shared<const Manifest>(Manifest::build(std::move(shapes)).value());
}

// Whole modules start from the checkpoint where it has them.
StateDict Bert::initial_state(const Rng& rng) const {
  StateDict state = StateDict::zeros(manifest_);
  for (const auto& [linear, sites] : adapters_)
    for (const AdapterSite& site : sites) {
      RngStream stream = rng.stream("init", site.a_name);
      const double bound = 1.0 / std::sqrt(static_cast<double>(site.in));
      for (float& value : state.tensor(site.a_name)) value = static_cast<float>((2 * stream.uniform() - 1) * bound);
    }
  const std::string root = kRoot, weight = root + "classifier.weight";
  if (saved_whole("classifier") && weights_.classifier_weight_CD.defined()) {
    copy_into(state.tensor(weight), weights_.classifier_weight_CD);
    copy_into(state.tensor(root + "classifier.bias"), weights_.classifier_bias_C);
  } else if (saved_whole("classifier")) {
    RngStream stream = rng.stream("init", weight);
    for (float& value : state.tensor(weight)) value = static_cast<float>(stream.normal() * config_.initializer_range);
  }
  if (saved_whole("pooler")) {
    copy_into(state.tensor(root + "bert.pooler.dense.weight"), weights_.pooler_weight_DD);
    copy_into(state.tensor(root + "bert.pooler.dense.bias"), weights_.pooler_bias_D);
  }
  return state;
}

std::shared_ptr<const SequenceClassifier> load_bert(const ClassifierConfig& config, const Checkpoint& checkpoint) {
  return std::make_shared<const Bert>(config, checkpoint);
}

}  // namespace weft::models
