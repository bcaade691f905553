// A part of a forward pass whose inner tensors are not kept: what the backward pass needs of them is computed again.
// Source: Chen et al. 2016, "Training deep nets with sublinear memory cost", arXiv:1604.06174.
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace weft::nn {

// Gives the same whenever it is called with the same.
using Part = std::function<at::Tensor(const at::Tensor& x)>;

// part(x), differentiable in x and in `leaves`, which the part reads by itself.
at::Tensor recomputed(const at::Tensor& x, const std::vector<at::Tensor>& leaves, Part part);

}  // namespace weft::nn
