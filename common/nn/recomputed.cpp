#include "common/nn/recomputed.h"

#include <torch/csrc/autograd/autograd.h>

#include "common/nn/autograd.h"

namespace weft::nn {
namespace {

struct RecomputedNode final : Node {
  at::Tensor x;
  std::vector<at::Tensor> leaves;
  Part part;

  variable_list apply(variable_list&& gradients) override {
    variable_list found(1 + leaves.size());
    if (!gradients[0].defined()) return found;
    const at::AutoGradMode with_graph(true);
    const bool through = task_should_compute_output(0);
    const at::Tensor own = x.detach().requires_grad_(through);
    variable_list wanted = leaves;
    if (through) wanted.push_back(own);
    variable_list inner = torch::autograd::grad({part(own)}, wanted, {std::move(gradients[0])}, /*retain_graph=*/{},
                                                /*create_graph=*/false, /*allow_unused=*/true);
    if (through) found[0] = inner.back();
    std::move(inner.begin(), inner.begin() + static_cast<std::ptrdiff_t>(leaves.size()), found.begin() + 1);
    return found;
  }
  void release_variables() override {
    x.reset();
    leaves.clear();
    part = nullptr;
  }
};

}  // namespace

at::Tensor recomputed(const at::Tensor& x, const std::vector<at::Tensor>& leaves, Part part) {
  bool graph = needs_gradient(x);
  for (const at::Tensor& leaf : leaves) graph = graph || needs_gradient(leaf);
  at::Tensor y;
  {
    const at::NoGradGuard no_graph;
    y = part(x);
  }
  if (!graph) return y;
  auto node = make_node<RecomputedNode>();
  node->x = x.detach();
  node->leaves = leaves;
  node->part = std::move(part);
  record(node, y, x, leaves);
  return y;
}

}  // namespace weft::nn
