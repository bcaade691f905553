// LoRA goes through one fused node; the rest is composed of ATen's own operations around it.
#include "common/models/linear.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/add.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mul.h>

#include <algorithm>

namespace weft::models {
namespace {

std::vector<nn::LoraSlice> low_rank(const Step& step, const AdaptedModule& module, std::int64_t first_output,
                                    double dropout) {
  if (module.a.empty()) return {};
  return {{.a_RI = step.params.leaf(module.a),
           .b_OR = step.params.leaf(module.b),
           .first_output = first_output,
           .scale = module.scale,
           .dropout = nn::Dropout::draw(step.rng, dropout)}};
}

}  // namespace

Linear::Linear(at::Tensor weight_OI, at::Tensor bias_O, std::vector<AdaptedModule> modules)
    : frozen_(nn::frozen_fp32(weight_OI, bias_O)),
      weight_OI_(std::move(weight_OI)),
      bias_O_(std::move(bias_O)),
      modules_(std::move(modules)) {
  const auto adds_bias = [](const AdaptedModule& module) {
    return !module.bias.empty() || !module.output_scale.empty();
  };
  if (!bias_O_.defined()) return;
  if (std::any_of(modules_.begin(), modules_.end(), adds_bias)) bias_O_ = bias_O_.clone();
  for (const AdaptedModule& module : modules_)
    if (adds_bias(module)) bias_O_.narrow(0, module.first_output, module.out).zero_();
}

Linear Linear::modules(std::size_t first, std::size_t count) const {
  const std::int64_t begin = modules_[first].first_output,
                     end = modules_[first + count - 1].first_output + modules_[first + count - 1].out;
  Linear part;
  part.frozen_ = frozen_->outputs(begin, end);
  part.weight_OI_ = weight_OI_.slice(0, begin, end);
  if (bias_O_.defined()) part.bias_O_ = bias_O_.slice(0, begin, end);
  for (std::size_t i = first; i < first + count; ++i) {
    part.modules_.push_back(modules_[i]);
    part.modules_.back().first_output -= begin;
  }
  return part;
}

bool Linear::trained() const {
  return std::any_of(modules_.begin(), modules_.end(),
                     [](const AdaptedModule& module) { return !module.fused() || !module.a.empty(); });
}

std::vector<at::Tensor> Linear::leaves(const Step& step) const {
  std::vector<at::Tensor> found;
  for (const AdaptedModule& module : modules_)
    for (const std::string* name : {&module.a, &module.b, &module.magnitude, &module.input_scale, &module.output_scale,
                                    &module.weight, &module.bias})
      if (!name->empty()) found.push_back(step.params.leaf(*name));
  return found;
}

at::Tensor Linear::product(const Step& step, const at::Tensor& x) const {
  if (std::all_of(modules_.begin(), modules_.end(), [](const AdaptedModule& module) { return module.fused(); })) {
    std::vector<nn::LoraSlice> slices;
    for (const AdaptedModule& module : modules_)
      for (nn::LoraSlice& slice : low_rank(step, module, module.first_output, module.dropout))
        slices.push_back(std::move(slice));
    return nn::lora_linear(x, frozen_, std::move(slices));
  }
  std::vector<at::Tensor> parts;
  for (const AdaptedModule& module : modules_) parts.push_back(module_product(step, module, x));
  return parts.size() == 1 ? parts[0] : at::cat(parts, 1);
}

at::Tensor Linear::operator()(const Step& step, const at::Tensor& x) const {
  const AdaptedModule& only = modules_.front();
  if (modules_.size() > 1 || only.weight.empty()) {
    const at::Tensor y = product(step, x);
    return bias_O_.defined() ? at::add(y, bias_O_) : y;
  }
  const at::Tensor& weight = step.params.leaf(only.weight);
  return at::linear(x, only.weight_is_IO ? weight.t() : weight,
                    only.bias.empty() ? bias_O_ : step.params.leaf(only.bias));
}

std::shared_ptr<const nn::FrozenLinear> Linear::frozen_of(const AdaptedModule& module) const {
  return modules_.size() == 1 ? frozen_ : frozen_->outputs(module.first_output, module.first_output + module.out);
}

at::Tensor Linear::module_product(const Step& step, const AdaptedModule& module, const at::Tensor& x) const {
  at::Tensor y;
  if (!module.weight.empty()) {
    const at::Tensor& weight = step.params.leaf(module.weight);
    y = at::mm(x, module.weight_is_IO ? weight : weight.t());
  } else if (!module.magnitude.empty()) {
    y = decomposed(step, module, x);
  } else if (!module.input_scale.empty()) {
    y = nn::lora_linear(at::mul(x, step.params.leaf(module.input_scale)), frozen_of(module), {});
  } else {
    y = nn::lora_linear(x, frozen_of(module), low_rank(step, module, 0, module.dropout));
  }
  if (!module.bias.empty()) y = at::add(y, step.params.leaf(module.bias));
  if (module.output_scale.empty()) return y;
  if (module.has_bias && module.bias.empty()) y = at::add(y, frozen_of(module)->bias_O());
  return at::mul(y, step.params.leaf(module.output_scale).view({1, -1}));
}

// y = x·Wᵀ + (c - 1)·drop(x)·Wᵀ + c·s·drop(x)·Aᵀ·Bᵀ with c = magnitude / |rows of W + s·B·A|, and that length held
// constant in the backward pass, as section 4.3 of the paper has it.
at::Tensor Linear::decomposed(const Step& step, const AdaptedModule& module, const at::Tensor& x) const {
  const std::shared_ptr<const nn::FrozenLinear> frozen = frozen_of(module);
  at::Tensor length_O;
  {
    const at::NoGradGuard no_grad;
    const at::Tensor weight = weight_OI_.narrow(0, module.first_output, module.out);
    length_O = at::linalg_vector_norm(
        at::addmm(weight, step.params.leaf(module.b), step.params.leaf(module.a), 1, module.scale), 2,
        at::IntArrayRef{1});
  }
  const at::Tensor c = step.params.leaf(module.magnitude).div(length_O);
  const nn::Dropout dropout = nn::Dropout::draw(step.rng, module.dropout);
  const at::Tensor dropped = nn::apply_dropout(x, dropout);
  const at::Tensor adapted = at::mul(nn::lora_linear(dropped, frozen, low_rank(step, module, 0, 0)), c);
  return dropout.active() ? at::add(nn::lora_linear(x.sub(dropped), frozen, {}), adapted) : adapted;
}

}  // namespace weft::models
