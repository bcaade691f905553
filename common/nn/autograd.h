// The few pieces of LibTorch's autograd that the fused nodes share. A node keeps plain tensors and its own arrays,
// and frees them when the engine says so: no second backward pass, no gradient of a gradient.
#pragma once
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>

#include <initializer_list>
#include <memory>
#include <type_traits>
#include <utility>

#include "common/base/result.h"

namespace weft::nn {

using torch::autograd::Node;
using torch::autograd::variable_list;

// Operations inside record nothing.
using BelowAutograd = at::AutoDispatchBelowADInplaceOrView;

template <class... Tensors>
bool needs_gradient(const Tensors&... tensors) {
  return at::GradMode::is_enabled() && ((tensors.defined() && tensors.requires_grad()) || ...);
}

// What LibTorch holds a node by: std::shared_ptr up to 2.11, c10::intrusive_ptr from 2.13 on.
using NodeHandle = std::decay_t<decltype(std::declval<const at::Tensor&>().grad_fn())>;

template <class NodeType>
auto make_node() {
  if constexpr (std::is_same_v<NodeHandle, std::shared_ptr<Node>>)
    return std::make_shared<NodeType>();
  else
    return c10::make_intrusive<NodeType>();
}

// Makes `node` the origin of `output`; the gradients it returns go to `inputs`, in order.
template <class NodePointer, class... Tensors>
void record(const NodePointer& node, const at::Tensor& output, const Tensors&... inputs) {
  node->set_next_edges(torch::autograd::collect_next_edges(inputs...));
  torch::autograd::set_history(output, NodeHandle(node));
}

// A gradient as the kernels want it: dense.
inline at::Tensor dense(const at::Tensor& gradient) { return gradient.contiguous(); }

// A gradient whose memory the kernel may write over: itself where nobody else can hold it, else a copy.
inline at::Tensor owned(at::Tensor&& gradient) {
  const bool ours = gradient.use_count() == 1 && gradient.storage().use_count() == 1 && gradient.is_contiguous();
  return ours ? std::move(gradient) : gradient.clone(at::MemoryFormat::Contiguous);
}

// Whether the fused kernels take it: dense fp32 rows on the CPU of a length that fills vector registers. All else goes
// through ATen's own operations, on whatever device it is.
inline bool fusable(const at::Tensor& x) {
  return x.is_cpu() && x.scalar_type() == at::kFloat && x.dim() == 2 && x.is_contiguous() && x.size(1) % 16 == 0;
}

}  // namespace weft::nn
