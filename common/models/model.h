// A pretrained model with a head for one task and a trainable adapter. Frozen weights are immutable and shared between
// the sites of one process; everything that changes is passed in.
#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/adapter/adapter_config.h"
#include "common/adapter/task_kind.h"
#include "common/base/rng.h"
#include "common/models/language_head.h"
#include "common/models/network.h"
#include "common/models/placed_adapter.h"
#include "common/nn/trainable.h"
#include "common/tensor/base_files.h"

namespace weft::models {

struct ModelRequest {
  std::filesystem::path folder;  // Hugging Face folder
  TaskKind task = TaskKind::sequence_classification;
  std::vector<std::string> labels;  // of classification
  AdapterConfig adapter;
  std::optional<double> base_dropout;  // nullopt: as the checkpoint's config says
  at::Device device = at::kCPU;
  std::string adapter_place = "adapter.";  // before a key of the adapter in errors: its file, or its block
};

// Dropout draws from `rng` when training; nullptr evaluates (no dropout).
struct ForwardMode {
  RngStream* rng = nullptr;
};

// Any thread, as long as params and mode are that thread's own. Suffixes as in network.h; all results are fp32.
class Model {
 public:
  struct Parts {
    TaskKind task;
    at::Device device;
    BaseList base_files;
    std::unique_ptr<const Network> network;
    PlacedAdapter adapter;
    std::vector<std::string> notes{};
  };
  explicit Model(Parts parts) : parts_(std::move(parts)), base_digest_(weft::base_digest(parts_.base_files)) {}

  TaskKind task() const { return parts_.task; }
  at::Device device() const { return parts_.device; }
  const std::string& base_digest() const { return base_digest_; }
  const BaseList& base_files() const { return parts_.base_files; }
  std::int64_t max_positions() const { return parts_.network->max_positions(); }
  std::int64_t image_rows() const { return parts_.network->image_rows(); }
  // Trainable tensors by PEFT's on-disk names.
  const std::shared_ptr<const Manifest>& manifest() const { return parts_.adapter.manifest; }
  // All from rng.stream("init", name).
  StateDict initial_state(const Rng& rng) const { return parts_.adapter.initial_state(rng); }
  // As placed: modules_to_save as resolved, all-linear as a list of names. What adapter_config.json says.
  const AdapterConfig& adapter() const { return parts_.adapter.config; }
  // Weights are stored [in, out] in the checkpoint (GPT-2): adapter_config.json's fan_in_fan_out.
  bool fan_in_fan_out() const { return parts_.adapter.fan_in_fan_out; }
  const Network& network() const { return *parts_.network; }
  // What of the checkpoint was not used, and what is new without being named: lines for whoever loaded it.
  const std::vector<std::string>& notes() const { return parts_.notes; }

  // Each for its own task.
  at::Tensor sequence_logits(const Inputs& inputs, const nn::Trainable& params, const ForwardMode& mode) const {
    return network().sequence_logits({params, mode.rng}, inputs);
  }
  at::Tensor token_logits(const Inputs& inputs, const nn::Trainable& params, const ForwardMode& mode,
                          const Rows& rows = Rows::all()) const {
    return network().token_logits({params, mode.rng}, inputs, rows);
  }
  // Final states [R, D].
  at::Tensor language_states(const Inputs& inputs, const nn::Trainable& params, const ForwardMode& mode,
                             const Rows& rows) const {
    return network().states({params, mode.rng}, inputs, rows);
  }
  // Logits over the vocabulary of final states, [R, V]; and −log p(target) of each, [R].
  at::Tensor language_logits(const at::Tensor& states_RD, const nn::Trainable& params, const ForwardMode& mode) const {
    return network().lm_head()({params, mode.rng}, states_RD);
  }
  at::Tensor language_losses(const at::Tensor& states_RD, const at::Tensor& targets_R, const nn::Trainable& params,
                             const ForwardMode& mode) const {
    return models::language_losses({params, mode.rng}, network().lm_head(), states_RD, targets_R);
  }
  at::Tensor image_logits(const Inputs& inputs, const nn::Trainable& params, const ForwardMode& mode) const {
    return network().image_logits({params, mode.rng}, inputs);
  }
  at::Tensor text_embeddings(const Inputs& inputs, const nn::Trainable& params, const ForwardMode& mode) const {
    return network().text_embeddings({params, mode.rng}, inputs);
  }
  at::Tensor image_embeddings(const Inputs& inputs, const nn::Trainable& params, const ForwardMode& mode) const {
    return network().image_embeddings({params, mode.rng}, inputs);
  }
  at::Tensor logit_scale(const nn::Trainable& params, const ForwardMode& mode) const {
    return network().logit_scale({params, mode.rng});
  }

 private:
  Parts parts_;
  std::string base_digest_;
};

// Reads config.json, picks the family from its registry by "model_type" and maps the weights. Throws ConfigError for a
// folder that does not hold what its config says, naming missing, extra and mis-shaped tensors, and for a task that the
// family cannot do.
std::shared_ptr<const Model> load_model(const ModelRequest& request);

}  // namespace weft::models
