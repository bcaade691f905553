#include "common/nn/rotary.h"

#include <ATen/ops/add.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sub.h>

#include "common/nn/autograd.h"
#include "common/nn/parallel.h"
#include "common/nn/simd.h"

namespace weft::nn {
namespace {

struct Rows {
  const float *cos, *sin;  // [T, pairs]
  std::int64_t columns, heads, head_dim, pairs;
};

// x [rows, columns] in place; `direction` 1 turns forth, −1 back.
struct RotateKernel {
  template <int W>
  static WEFT_INLINE void run(float* x, const float* bias, Rows r, float direction, std::int64_t begin,
                              std::int64_t end) {
    using S = Simd<W>;
    using Vec = typename S::Vec;
    for (std::int64_t row = begin; row < end; ++row) {
      float* at = x + row * r.columns;
      const float *cos = r.cos + row * r.pairs, *sin = r.sin + row * r.pairs;
      if (bias != nullptr)
        for (std::int64_t i = 0; i < r.columns; i += W) S::store(at + i, S::load(at + i) + S::load(bias + i));
      for (std::int64_t head = 0; head < r.heads; ++head, at += r.head_dim) {
        std::int64_t i = 0;
        for (; i + W <= r.pairs; i += W) {
          const Vec a = S::load(at + i), b = S::load(at + r.pairs + i), c = S::load(cos + i),
                    s = S::load(sin + i) * direction;
          S::store(at + i, a * c - b * s);
          S::store(at + r.pairs + i, b * c + a * s);
        }
        for (; i < r.pairs; ++i) {
          const float a = at[i], b = at[r.pairs + i], s = sin[i] * direction;
          at[i] = a * cos[i] - b * s;
          at[r.pairs + i] = b * cos[i] + a * s;
        }
      }
    }
  }
};

void run_rotate(const at::Tensor& x, const at::Tensor& bias, const RotaryAngles& angles, const RotaryShape& shape,
                float direction) {
  const Rows rows{angles.cos_TF.const_data_ptr<float>(),
                  angles.sin_TF.const_data_ptr<float>(),
                  x.size(1),
                  shape.heads,
                  shape.head_dim,
                  angles.cos_TF.size(1)};
  float* data = x.mutable_data_ptr<float>();
  const float* add = bias.defined() ? bias.const_data_ptr<float>() : nullptr;
  parallel_for(x.size(0), 1 + 8192 / rows.columns, [&](std::int64_t begin, std::int64_t end) {
    run_kernel<RotateKernel>(data, add, rows, direction, begin, end);
  });
}

struct RotaryNode final : Node {
  RotaryAngles angles;
  RotaryShape shape{};

  variable_list apply(variable_list&& gradients) override {
    BelowAutograd guard;
    if (!gradients[0].defined()) return {at::Tensor()};
    const at::Tensor dqkv = owned(std::move(gradients[0]));
    run_rotate(dqkv, {}, angles, shape, -1);
    return {dqkv};
  }
};

at::Tensor turned(const at::Tensor& heads_THd, const RotaryAngles& angles) {
  const std::int64_t pairs = angles.cos_TF.size(1), rest = heads_THd.size(2) - 2 * pairs;
  const at::Tensor cos = angles.cos_TF.unsqueeze(1).to(heads_THd.options()),
                   sin = angles.sin_TF.unsqueeze(1).to(heads_THd.options());
  const at::Tensor a = heads_THd.narrow(2, 0, pairs), b = heads_THd.narrow(2, pairs, pairs);
  return at::cat({at::sub(at::mul(a, cos), at::mul(b, sin)), at::add(at::mul(b, cos), at::mul(a, sin)),
                  heads_THd.narrow(2, 2 * pairs, rest)},
                 2);
}

}  // namespace

at::Tensor rotate_aten(const at::Tensor& qkv_TC, const at::Tensor& bias_C, const RotaryAngles& angles,
                       const RotaryShape& shape) {
  const at::Tensor x = bias_C.defined() ? at::add(qkv_TC, bias_C) : qkv_TC;
  const std::int64_t tokens = x.size(0), turning = shape.heads * shape.head_dim;
  const at::Tensor heads = x.narrow(1, 0, turning).reshape({tokens, shape.heads, shape.head_dim});
  return at::cat({turned(heads, angles).view({tokens, turning}), x.narrow(1, turning, x.size(1) - turning)}, 1);
}

at::Tensor rotate(at::Tensor qkv_TC, const at::Tensor& bias_C, const RotaryAngles& angles, const RotaryShape& shape) {
  WEFT_CHECK(angles.cos_TF.size(0) == qkv_TC.size(0), "rotary angles of another batch");
  if (!fusable(qkv_TC) || needs_gradient(bias_C)) return rotate_aten(qkv_TC, bias_C, angles, shape);
  const at::Tensor qkv = qkv_TC.detach();
  run_rotate(qkv, bias_C, angles, shape, 1);
  if (!needs_gradient(qkv_TC)) return qkv;
  auto node = make_node<RotaryNode>();
  node->angles = angles;
  node->shape = shape;
  record(node, qkv, qkv_TC);
  return qkv;
}

}  // namespace weft::nn
