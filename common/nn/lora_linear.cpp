// One autograd node for a frozen linear layer and the adapters on it. Ranks of all slices share the skinny products:
// u = x·[A₁;A₂]ᵀ in the forward pass, [g₁ g₂]ᵀ·x and dx += [g₁ g₂]·[A₁;A₂] in the backward, with gₛ = α/r·dyₛ·Bₛ.
#include "common/nn/lora_linear.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mul.h>

#include "common/nn/autograd.h"

namespace weft::nn {
namespace {

using Slices = std::vector<LoraSlice>;

// Slices whose input is x itself can share products; dropout gives each its own input.
bool share_input(const Slices& slices) {
  for (const LoraSlice& slice : slices)
    if (slice.dropout.active()) return false;
  return true;
}

at::Tensor stacked_a(const Slices& slices) {
  if (slices.size() == 1) return slices[0].a_RI;
  std::vector<at::Tensor> parts;
  for (const LoraSlice& slice : slices) parts.push_back(slice.a_RI);
  return at::cat(parts, 0);
}

at::Tensor columns_of(const at::Tensor& y, const LoraSlice& slice) {
  return y.narrow(1, slice.first_output, slice.b_OR.size(0));
}

struct LoraLinearNode final : Node {
  std::shared_ptr<const FrozenLinear> frozen;
  Slices slices;
  at::Tensor x_TI, u_TR;  // u: all slices side by side

  variable_list apply(variable_list&& gradients) override {
    BelowAutograd guard;
    variable_list result(1 + 2 * slices.size());
    if (!gradients[0].defined()) return result;
    WEFT_CHECK(slices.empty() || u_TR.defined(), "a second backward pass through a LoRA layer");
    const at::Tensor dy = dense(gradients[0]);
    const bool wants_dx = task_should_compute_output(0);
    if (wants_dx) result[0] = frozen->backward(dy);
    if (slices.empty()) return result;
    const at::Tensor g_TR = adapter_gradients(dy, result);
    if (share_input(slices)) {
      const at::Tensor da = at::mm(g_TR.t(), x_TI);
      for (std::size_t i = 0, row = 0; i < slices.size(); ++i) {
        const std::int64_t rank = slices[i].a_RI.size(0);
        result[1 + 2 * i] = da.narrow(0, static_cast<std::int64_t>(row), rank);
        row += static_cast<std::size_t>(rank);
      }
      if (wants_dx) result[0].addmm_(g_TR, stacked_a(slices));
      return result;
    }
    for (std::size_t i = 0, column = 0; i < slices.size(); ++i) {
      const std::int64_t rank = slices[i].a_RI.size(0);
      const at::Tensor g = g_TR.narrow(1, static_cast<std::int64_t>(column), rank);
      at::Tensor factors;
      if (slices[i].dropout.active())
        factors = dropout_factors(slices[i].dropout, x_TI.size(0), x_TI.size(1), x_TI.device()).to(x_TI.scalar_type());
      const auto dropped = [&](const at::Tensor& x) { return factors.defined() ? at::mul(x, factors) : x; };
      result[1 + 2 * i] = at::mm(g.t(), dropped(x_TI));
      if (wants_dx) result[0].add_(dropped(at::mm(g, slices[i].a_RI)));
      column += static_cast<std::size_t>(rank);
    }
    return result;
  }

  // Fills in each dB and returns g of all slices side by side.
  at::Tensor adapter_gradients(const at::Tensor& dy, variable_list& result) const {
    at::Tensor g_TR = at::empty(u_TR.sizes(), u_TR.options());
    std::int64_t column = 0;
    for (std::size_t i = 0; i < slices.size(); ++i) {
      const LoraSlice& slice = slices[i];
      const std::int64_t rank = slice.a_RI.size(0);
      const at::Tensor dy_slice = columns_of(dy, slice);
      at::Tensor g = g_TR.narrow(1, column, rank);
      at::addmm_out(g, g, dy_slice, slice.b_OR, 0, slice.scale);
      at::Tensor db = at::empty(slice.b_OR.sizes(), slice.b_OR.options());
      at::addmm_out(db, db, dy_slice.t(), u_TR.narrow(1, column, rank), 0, slice.scale);
      result[2 + 2 * i] = db;
      column += rank;
    }
    return g_TR;
  }

  void release_variables() override {
    x_TI.reset();
    u_TR.reset();
  }
};

at::Tensor low_rank_input(const at::Tensor& x, const Slices& slices) {
  if (share_input(slices)) return at::mm(x, stacked_a(slices).t());
  std::vector<at::Tensor> parts;
  for (const LoraSlice& slice : slices) parts.push_back(at::mm(apply_dropout(x, slice.dropout), slice.a_RI.t()));
  return at::cat(parts, 1);
}

}  // namespace

at::Tensor lora_linear(const at::Tensor& x_TI, const std::shared_ptr<const FrozenLinear>& frozen, Slices slices) {
  bool graph = needs_gradient(x_TI);
  torch::autograd::edge_list edges =
      graph || !slices.empty() ? torch::autograd::collect_next_edges(x_TI) : torch::autograd::edge_list{};
  for (LoraSlice& slice : slices) {
    graph = graph || needs_gradient(slice.a_RI, slice.b_OR);
    for (const at::Tensor& leaf : {slice.a_RI, slice.b_OR})
      for (torch::autograd::Edge& edge : torch::autograd::collect_next_edges(leaf)) edges.push_back(std::move(edge));
    slice.a_RI = slice.a_RI.detach();
    slice.b_OR = slice.b_OR.detach();
  }
  at::Tensor y, u;
  const at::Tensor x = x_TI.detach();
  {
    BelowAutograd guard;
    y = frozen->forward(x);
    if (!slices.empty()) u = low_rank_input(x, slices);
    std::int64_t column = 0;
    for (const LoraSlice& slice : slices) {
      const std::int64_t rank = slice.a_RI.size(0);
      at::Tensor part = columns_of(y, slice);
      part.addmm_(u.narrow(1, column, rank), slice.b_OR.t(), 1, slice.scale);
      column += rank;
    }
  }
  if (!graph) return y;
  auto node = make_node<LoraLinearNode>();
  node->frozen = frozen;
  node->slices = std::move(slices);
  if (!node->slices.empty()) {
    node->x_TI = x;
    node->u_TR = u;
  }
  node->set_next_edges(std::move(edges));
  torch::autograd::set_history(y, NodeHandle(node));
  return y;
}

}  // namespace weft::nn
