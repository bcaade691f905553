// AdamW in LibTorch's fused kernel, plain SGD, and clipping over the flat gradient.
#include "common/train/optimizer.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace weft::train {
namespace {

// The leaves that share a weight decay and a learning rate.
struct Group {
  double weight_decay = 0;
  double rate_factor = 1;
  std::vector<at::Tensor> values, gradients;
};

// LoRA+ gives LoRA's B factors and all vectors a higher rate, and pairs on embeddings a low one of their own, as PEFT's
// create_loraplus_optimizer does.
constexpr double kEmbeddingRate = 1e-6;

// With decay and without, each at the rate and at LoRA+'s; then pairs on embeddings.
std::vector<Group> groups_of(const TrainConfig& config, nn::Trainable& params) {
  WEFT_CHECK(params.grad().defined(), "an optimizer needs gradients");
  std::vector<Group> groups;
  for (const double factor : {1.0, config.lora_plus_ratio})
    for (const double decay : {config.weight_decay, 0.0})
      groups.push_back({.weight_decay = decay, .rate_factor = factor});
  groups.push_back({.weight_decay = config.weight_decay, .rate_factor = kEmbeddingRate / config.learning_rate});
  for (std::size_t i = 0; i < params.leaves().size(); ++i) {
    const at::Tensor& leaf = params.leaves()[i];
    const std::string& name = params.manifest()->tensors()[i].name;
    const bool faster = name.ends_with(".lora_B.weight") || leaf.dim() == 1;
    const bool of_embedding = config.lora_plus_ratio != 1 && name.find(".lora_embedding_") != std::string::npos;
    Group& group = groups[of_embedding ? 4 : (faster ? 2U : 0U) + (decays(name) ? 0U : 1U)];
    group.values.push_back(leaf);
    group.gradients.push_back(leaf.grad());
  }
  return groups;
}

class AdamW final : public Optimizer {
 public:
  AdamW(const TrainConfig& config, nn::Trainable& params) : config_(config) {
    for (Group& group : groups_of(config, params)) {
      if (group.values.empty()) continue;
      Moments moments{.group = std::move(group)};
      for (const at::Tensor& value : moments.group.values) {
        moments.first.push_back(at::zeros_like(value));
        moments.second.push_back(at::zeros_like(value));
        moments.steps.push_back(at::zeros({}, value.options()));
      }
      groups_.push_back(std::move(moments));
    }
  }
  void step(double learning_rate) override {
    const at::NoGradGuard no_grad;
    for (Moments& moments : groups_) {
      at::_foreach_add_(moments.steps, 1);
      at::_fused_adamw_(moments.group.values, moments.group.gradients, moments.first, moments.second, {}, moments.steps,
                        learning_rate * moments.group.rate_factor, config_.beta1, config_.beta2,
                        moments.group.weight_decay, config_.epsilon,
                        /*amsgrad=*/false, /*maximize=*/false);
    }
  }
  std::vector<at::Tensor> state() const override {
    std::vector<at::Tensor> all;
    for (const Moments& moments : groups_)
      for (const auto* part : {&moments.first, &moments.second, &moments.steps})
        all.insert(all.end(), part->begin(), part->end());
    return all;
  }

 private:
  struct Moments {
    Group group;
    std::vector<at::Tensor> first, second, steps;
  };
  TrainConfig config_;
  std::vector<Moments> groups_;
};

class Sgd final : public Optimizer {
 public:
  Sgd(const TrainConfig& config, nn::Trainable& params) : groups_(groups_of(config, params)) {}
  void step(double learning_rate) override {
    const at::NoGradGuard no_grad;
    for (Group& group : groups_)
      for (std::size_t i = 0; i < group.values.size(); ++i) {
        if (group.weight_decay != 0) group.gradients[i].add_(group.values[i], group.weight_decay);
        group.values[i].add_(group.gradients[i], -learning_rate * group.rate_factor);
      }
  }

 private:
  std::vector<Group> groups_;
};

}  // namespace

std::unique_ptr<Optimizer> make_optimizer(const TrainConfig& config, nn::Trainable& params) {
  if (config.optimizer == OptimizerKind::sgd) return std::make_unique<Sgd>(config, params);
  return std::make_unique<AdamW>(config, params);
}

bool decays(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  // Parts of the name: "bias", "norm", "final_norm", "ln_1", "LayerNorm", "layernorm_before", "layer_norm1", and CLIP's
  // "pre_layrnorm".
  constexpr std::array<std::string_view, 4> kWithin{"layernorm", "layer_norm", "layrnorm", "rmsnorm"};
  for (std::size_t begin = 0; begin <= lower.size();) {
    const std::size_t end = std::min(lower.find('.', begin), lower.size());
    const std::string part = lower.substr(begin, end - begin);
    if (part == "bias" || part == "norm" || part.ends_with("_norm") || part.starts_with("ln_") ||
        std::any_of(kWithin.begin(), kWithin.end(), [&](auto word) { return part.find(word) != std::string::npos; }))
      return false;
    begin = end + 1;
  }
  return true;
}

double clip_gradient(nn::Trainable& params, double max_norm) {
  const at::NoGradGuard no_grad;
  at::Tensor gradient = params.grad();
  // In double, so that the order of the sum, and with it the thread count, hardly shows.
  const at::Tensor norm = at::linalg_vector_norm(gradient, 2, {}, /*keepdim=*/false, at::kDouble);
  if (max_norm > 0) gradient.mul_(norm.add(1e-6).reciprocal().mul(max_norm).clamp_max(1.0));
  return norm.item<double>();
}

}  // namespace weft::train
