// The autograd nodes over the fused kernel.
#include "common/nn/attention.h"

#include <ATen/ops/empty.h>

#include "common/nn/attention_kernel.h"
#include "common/nn/autograd.h"

namespace weft::nn {
namespace {

// Self-attention has q, k and v in one tensor, pooled attention has them in two; a node serves both.
struct Inputs {
  at::Tensor q, kv;  // kv undefined: all in q
  at::Tensor bias_3D;
  AttentionShape shape;
  Dropout dropout;

  bool one_query() const { return kv.defined(); }
  std::int64_t width() const { return bias_3D.numel() / 3; }
};

AttentionProblem problem_of(const Inputs& in) {
  const std::int64_t width = in.width();
  const float* q = in.q.const_data_ptr<float>();
  const float* k = in.one_query() ? in.kv.const_data_ptr<float>() : q + width;
  const float* bias = in.bias_3D.const_data_ptr<float>();
  AttentionProblem problem{.q = q,
                           .k = k,
                           .v = k + width,
                           .q_stride = in.q.size(1),
                           .kv_stride = in.one_query() ? 2 * width : 3 * width,
                           .q_bias = bias,
                           .k_bias = bias + width,
                           .v_bias = bias + 2 * width,
                           .heads = in.shape.heads,
                           .head_dim = width / in.shape.heads,
                           .shape = &in.shape,
                           .one_query = in.one_query(),
                           .dropout = in.dropout,
                           .first_chunk = {}};
  problem.first_chunk = attention_chunks(in.shape, in.one_query());
  return problem;
}

struct AttentionNode final : Node {
  Inputs inputs;
  at::Tensor out, log_sum_exp;

  variable_list apply(variable_list&& gradients) override {
    BelowAutograd guard;
    variable_list result(inputs.one_query() ? 2 : 1);
    if (!gradients[0].defined()) return result;
    WEFT_CHECK(out.defined(), "a second backward pass through attention");
    const at::Tensor dout = dense(gradients[0]);
    for (std::size_t i = 0; i < result.size(); ++i) {
      const at::Tensor& like = i == 0 ? inputs.q : inputs.kv;
      result[i] = at::empty(like.sizes(), like.options());
    }
    const std::int64_t width = inputs.width();
    float* dq = result[0].mutable_data_ptr<float>();
    float* dk = inputs.one_query() ? result[1].mutable_data_ptr<float>() : dq + width;
    attention_backward(problem_of(inputs), {.out = out.const_data_ptr<float>(),
                                            .log_sum_exp = log_sum_exp.const_data_ptr<float>(),
                                            .dout = dout.const_data_ptr<float>(),
                                            .dq = dq,
                                            .dk = dk,
                                            .dv = dk + width});
    return result;
  }
  void release_variables() override {
    inputs.q.reset(), inputs.kv.reset();
    out.reset();
  }
};

void check_shape(const AttentionShape& shape, std::int64_t width, std::int64_t tokens) {
  WEFT_CHECK(shape.heads > 0 && width % shape.heads == 0, "attention heads do not divide the width");
  WEFT_CHECK(shape.starts.size() > 1 && shape.starts.front() == 0 && shape.starts.back() == tokens,
             "sequence offsets do not cover the batch");
  for (std::size_t n = 0; n + 1 < shape.starts.size(); ++n)
    WEFT_CHECK(shape.starts[n] < shape.starts[n + 1], "sequence " + std::to_string(n) + " is empty");
}

// `q` and `kv` are the caller's tensors, which the graph leads to.
at::Tensor fused_attention(const at::Tensor& q, const at::Tensor& kv, Inputs inputs) {
  at::Tensor out = at::empty({q.size(0), inputs.width()}, q.options());
  at::Tensor log_sum_exp = at::empty({inputs.shape.heads, q.size(0)}, q.options());
  attention_forward(problem_of(inputs), out.mutable_data_ptr<float>(), log_sum_exp.mutable_data_ptr<float>());
  if (!needs_gradient(q, kv)) return out;
  auto node = make_node<AttentionNode>();
  node->inputs = std::move(inputs);
  node->out = out.detach();
  node->log_sum_exp = log_sum_exp;
  if (kv.defined()) {
    record(node, out, q, kv);
  } else {
    record(node, out, q);
  }
  return out;
}

}  // namespace

at::Tensor self_attention(const at::Tensor& qkv_T3D, const at::Tensor& bias_3D, const AttentionShape& shape,
                          const Dropout& dropout) {
  check_shape(shape, qkv_T3D.size(1) / 3, qkv_T3D.size(0));
  if (!fusable(qkv_T3D)) return self_attention_aten(qkv_T3D, bias_3D, shape, dropout);
  return fused_attention(qkv_T3D, {}, {qkv_T3D.detach(), {}, bias_3D, shape, dropout});
}

at::Tensor pooled_attention(const at::Tensor& q_ND, const at::Tensor& kv_T2D, const at::Tensor& bias_3D,
                            const AttentionShape& shape, const Dropout& dropout) {
  check_shape(shape, q_ND.size(1), kv_T2D.size(0));
  if (!fusable(q_ND) || !fusable(kv_T2D)) return pooled_attention_aten(q_ND, kv_T2D, bias_3D, shape, dropout);
  return fused_attention(q_ND, kv_T2D, {q_ND.detach(), kv_T2D.detach(), bias_3D, shape, dropout});
}

}  // namespace weft::nn
