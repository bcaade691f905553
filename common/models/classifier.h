// A frozen pretrained encoder with trainable adapter and head: packed tokens to logits. Frozen weights are immutable
// and shared between the sites of one process; everything that changes is passed in.
#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/rng.h"
#include "common/config/yaml_view.h"
#include "common/nn/packed.h"
#include "common/nn/trainable.h"

namespace weft::models {

// The `adapter` block of a run file.
struct AdapterConfig {
  std::int64_t rank = 8;
  double alpha = 16;
  double dropout = 0;
  std::vector<std::string> target_modules;   // suffixes of module names: "query", "value"
  std::vector<std::string> modules_to_save;  // trained whole: "classifier"
  static AdapterConfig parse(const YamlView& adapter);
};

struct ClassifierConfig {
  std::filesystem::path folder;  // Hugging Face folder
  std::vector<std::string> labels;
  AdapterConfig adapter;
  std::optional<double> base_dropout;  // nullopt: as the checkpoint's config says
  at::Device device = at::kCPU;
};

// Dropout draws from `rng` when training; nullptr evaluates (no dropout).
struct ForwardMode {
  RngStream* rng = nullptr;
};

class SequenceClassifier {
 public:
  virtual ~SequenceClassifier() = default;
  // Trainable tensors by PEFT's on-disk names.
  virtual std::shared_ptr<const Manifest> manifest() const = 0;
  // LoRA A uniform in ±1/sqrt(in), B zero, head normal with the checkpoint's initializer_range, bias zero, as PEFT
  // and transformers do; all from rng.stream("init", name).
  virtual StateDict initial_state(const Rng& rng) const = 0;
  // logits [N, C], fp32. Any thread, as long as params and mode are that thread's own.
  virtual at::Tensor logits(const nn::Packed& batch, const nn::Trainable& params, const ForwardMode& mode) const = 0;
  virtual const std::string& base_digest() const = 0;
  virtual std::int64_t max_positions() const = 0;
};

// Reads config.json, picks the family from its registry by "model_type" and maps the weights. Throws ConfigError for a
// folder that does not hold what its config says, naming missing, extra and mis-shaped tensors.
std::shared_ptr<const SequenceClassifier> load_classifier(const ClassifierConfig& config);

}  // namespace weft::models
