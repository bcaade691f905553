// The autograd nodes over the fused kernel.
#include "common/nn/attention.h"

#include <ATen/ops/empty.h>

#include "common/nn/attention_kernel.h"
#include "common/nn/autograd.h"

namespace weft::nn {
namespace {

std::int64_t head_dim_of(const at::Tensor& q, const at::Tensor& kv, const AttentionShape& shape) {
  return q.size(1) / (kv.defined() ? shape.heads : shape.heads + 2 * shape.number_of_key_heads());
}

// Self-attention has q, k and v in one tensor, pooled attention has them in two; a node serves both.
struct Inputs {
  at::Tensor q, kv;  // kv undefined: all in q
  at::Tensor bias_C;
  AttentionShape shape;
  Dropout dropout;

  bool one_query() const { return kv.defined(); }
  std::int64_t head_dim() const { return head_dim_of(q, kv, shape); }
  std::int64_t width() const { return shape.heads * head_dim(); }
  std::int64_t key_width() const { return shape.number_of_key_heads() * head_dim(); }
};

AttentionProblem problem_of(const Inputs& in) {
  const std::int64_t width = in.width(), key_width = in.key_width();
  const float* q = in.q.const_data_ptr<float>();
  const float* k = in.one_query() ? in.kv.const_data_ptr<float>() : q + width;
  const float* bias = in.bias_C.defined() ? in.bias_C.const_data_ptr<float>() : nullptr;
  const auto bias_at = [bias](std::int64_t column) { return bias == nullptr ? nullptr : bias + column; };
  AttentionProblem problem{.q = q,
                           .k = k,
                           .v = k + key_width,
                           .q_stride = in.q.size(1),
                           .kv_stride = in.one_query() ? in.kv.size(1) : in.q.size(1),
                           .q_bias = bias_at(0),
                           .k_bias = bias_at(width),
                           .v_bias = bias_at(width + key_width),
                           .heads = in.shape.heads,
                           .key_heads = in.shape.number_of_key_heads(),
                           .head_dim = in.head_dim(),
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
    float* dq = result[0].mutable_data_ptr<float>();
    float* dk = inputs.one_query() ? result[1].mutable_data_ptr<float>() : dq + inputs.width();
    attention_backward(problem_of(inputs), {.out = out.const_data_ptr<float>(),
                                            .log_sum_exp = log_sum_exp.const_data_ptr<float>(),
                                            .dout = dout.const_data_ptr<float>(),
                                            .dq = dq,
                                            .dk = dk,
                                            .dv = dk + inputs.key_width()});
    return result;
  }
  void release_variables() override {
    inputs.q.reset(), inputs.kv.reset();
    out.reset();
  }
};

void check_shape(const at::Tensor& q, const at::Tensor& kv, const at::Tensor& bias, const AttentionShape& shape) {
  const std::int64_t key_heads = shape.number_of_key_heads(), head_dim = head_dim_of(q, kv, shape);
  const std::int64_t columns = (shape.heads + 2 * key_heads) * head_dim;
  WEFT_CHECK(shape.heads > 0 && shape.heads % key_heads == 0, "key heads do not divide the heads");
  WEFT_CHECK(q.size(1) + (kv.defined() ? kv.size(1) : 0) == columns, "attention heads do not divide the width");
  WEFT_CHECK(!bias.defined() || bias.numel() == columns, "an attention bias of another width");
  WEFT_CHECK(shape.causal || shape.window == 0, "a sliding window needs causal attention");
  WEFT_CHECK(
      shape.starts.size() > 1 && shape.starts.front() == 0 && shape.starts.back() == (kv.defined() ? kv : q).size(0),
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

at::Tensor self_attention(const at::Tensor& qkv_TC, const at::Tensor& bias_C, const AttentionShape& shape,
                          const Dropout& dropout) {
  check_shape(qkv_TC, {}, bias_C, shape);
  if (!fusable(qkv_TC) || needs_gradient(bias_C)) return self_attention_aten(qkv_TC, bias_C, shape, dropout);
  return fused_attention(qkv_TC, {}, {qkv_TC.detach(), {}, bias_C, shape, dropout});
}

at::Tensor pooled_attention(const at::Tensor& q_ND, const at::Tensor& kv_T2K, const at::Tensor& bias_C,
                            const AttentionShape& shape, const Dropout& dropout) {
  check_shape(q_ND, kv_T2K, bias_C, shape);
  if (!fusable(q_ND) || !fusable(kv_T2K) || needs_gradient(bias_C))
    return pooled_attention_aten(q_ND, kv_T2K, bias_C, shape, dropout);
  return fused_attention(q_ND, kv_T2K, {q_ND.detach(), kv_T2K.detach(), bias_C, shape, dropout});
}

}  // namespace weft::nn
