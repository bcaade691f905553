// Low-rank adaptation of a frozen linear layer:  y = x·Wᵀ + (α/r)·drop(x)·Aᵀ·Bᵀ   (the bias is added by what follows)
// One frozen layer may hold several stacked ones (query, key and value): each slice adapts its own output features.
// Suffixes: T packed tokens · I in features · O out features of the slice · R rank.
// Source: Hu et al. 2021, "LoRA", arXiv:2106.09685, section 4.1.
#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "common/nn/dropout.h"
#include "common/nn/frozen_linear.h"

namespace weft::nn {

struct LoraSlice {
  at::Tensor a_RI, b_OR;          // autograd leaves
  std::int64_t first_output = 0;  // column of y where the slice's features begin
  double scale = 1;               // α/r
  Dropout dropout;                // on the input of A
};

// y [T, Osum], differentiable in x, A and B with no gradient work for what does not require it.
at::Tensor lora_linear(const at::Tensor& x_TI, const std::shared_ptr<const FrozenLinear>& frozen,
                       std::vector<LoraSlice> slices);

}  // namespace weft::nn
