// A linear layer of a network with whatever is trained on it: one module of the checkpoint, or several side by side
// that read the same input (query, key and value). Frozen weights are shared; what is trained is looked up in the step.
//   y = product(step, x) + bias()
// The bias is left to the caller, since fused operations add it on their way; where it is trained or scaled it is in
// the product already and bias() is zero there. Suffixes: T rows · I in features · O out features of all modules.
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "common/models/step.h"
#include "common/nn/frozen_linear.h"
#include "common/nn/lora_linear.h"

namespace weft::models {

// What of one module is trained, by names of the manifest; empty: not there.
struct AdaptedModule {
  std::int64_t first_output = 0, out = 0;
  std::string a, b, magnitude;            // LoRA's pair; DoRA's lengths of the rows of W + s·B·A
  double scale = 1, dropout = 0;          // of the pair
  std::string input_scale, output_scale;  // (IA)³
  std::string weight, bias;               // trained whole
  bool weight_is_IO = false;              // as the checkpoint stores it
  bool has_bias = true;
  // Whether the fused layer of frozen weight and low-rank pair does all of it.
  bool fused() const {
    return magnitude.empty() && input_scale.empty() && output_scale.empty() && weight.empty() && bias.empty();
  }
};

class Linear {
 public:
  Linear() = default;
  // weight [O, I] and bias [O] as in the checkpoint (undefined where it has none).
  Linear(at::Tensor weight_OI, at::Tensor bias_O, std::vector<AdaptedModule> modules);

  at::Tensor product(const Step& step, const at::Tensor& x_TI) const;
  const at::Tensor& bias() const { return bias_O_; }  // undefined: none
  // With the bias: [T, O].
  at::Tensor operator()(const Step& step, const at::Tensor& x_TI) const;
  // Modules [first, first + count) alone, sharing the weights.
  Linear modules(std::size_t first, std::size_t count) const;
  // The frozen layer underneath; what is trained is not in it.
  const std::shared_ptr<const nn::FrozenLinear>& frozen() const { return frozen_; }
  bool trained() const;                                    // whether anything is trained on it
  std::vector<at::Tensor> leaves(const Step& step) const;  // what is

 private:
  at::Tensor module_product(const Step& step, const AdaptedModule& module, const at::Tensor& x) const;
  at::Tensor decomposed(const Step& step, const AdaptedModule& module, const at::Tensor& x) const;
  std::shared_ptr<const nn::FrozenLinear> frozen_of(const AdaptedModule& module) const;

  std::shared_ptr<const nn::FrozenLinear> frozen_;
  at::Tensor weight_OI_, bias_O_;
  std::vector<AdaptedModule> modules_;
};

}  // namespace weft::models
