// Steps over the trainable leaves. State starts fresh with each object: a round gets a new one, so nothing of one
// round's moments reaches the next.
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <string_view>
#include <vector>

#include "common/nn/trainable.h"
#include "common/train/train_config.h"

namespace weft::train {

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  // One step with the gradients of the leaves.
  virtual void step(double learning_rate) = 0;
  // What later steps depend on beside the leaves, always in the same order; to be copied out or into.
  virtual std::vector<at::Tensor> state() const { return {}; }
};

// `params` must outlive the optimizer and have gradients.
// AdamW: Loshchilov and Hutter 2019, "Decoupled weight decay regularization", arXiv:1711.05101; equal to
// torch.optim.AdamW. SGD: without momentum, weight decay added to the gradient; equal to torch.optim.SGD.
// LoRA's B factors take lora_plus_ratio times the learning rate: Hayou et al. 2024, "LoRA+", arXiv:2402.12354.
std::unique_ptr<Optimizer> make_optimizer(const TrainConfig& config, nn::Trainable& params);

// All but biases and norms, by name, as transformers' Trainer does.
bool decays(std::string_view name);

// Scales params.grad() so that its L2 norm is at most max_norm (0: leaves it) and returns the norm that it had; equal
// to torch.nn.utils.clip_grad_norm_.
double clip_gradient(nn::Trainable& params, double max_norm);

}  // namespace weft::train
