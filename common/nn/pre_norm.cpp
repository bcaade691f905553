#include "common/nn/pre_norm.h"

#include <ATen/ops/add.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/rsqrt.h>

#include "common/nn/autograd.h"
#include "common/nn/norm_kernels.h"
#include "common/nn/parallel.h"

namespace weft::nn {
namespace {

// Mean (0 for RMSNorm) and 1/σ of each row, [T, 2]: with the stream, all that the backward pass needs.
struct RowFacts {
  float mean, inverse;
};

template <int W>
WEFT_INLINE RowFacts facts_of(const float* z, const NormRow& norm) {
  using S = Simd<W>;
  using Vec = typename S::Vec;
  const auto count = static_cast<float>(norm.columns);
  float mean = 0;
  if (norm.shift != nullptr) {
    Vec sum{};
    for (std::int64_t i = 0; i < norm.columns; i += W) sum += S::load(z + i);
    mean = S::sum(sum) / count;
  }
  Vec squares{};
  for (std::int64_t i = 0; i < norm.columns; i += W) {
    const Vec centred = S::load(z + i) - mean;
    squares += centred * centred;
  }
  return {mean, 1.0F / __builtin_sqrtf(S::sum(squares) / count + norm.epsilon)};
}

struct NormKernel {
  template <int W>
  static WEFT_INLINE void run(const float* z, float* y, RowFacts* facts, NormRow norm, std::int64_t rows) {
    using S = Simd<W>;
    for (std::int64_t row = 0; row < rows; ++row, z += norm.columns, y += norm.columns) {
      facts[row] = facts_of<W>(z, norm);
      for (std::int64_t i = 0; i < norm.columns; i += W) {
        const typename S::Vec value = (S::load(z + i) - facts[row].mean) * facts[row].inverse * S::load(norm.scale + i);
        S::store(y + i, norm.shift == nullptr ? value : value + S::load(norm.shift + i));
      }
    }
  }
};

// h becomes stream + dropout(h + bias). `begin` and `end` are rows, for the mask is a function of them.
struct AddKernel {
  template <int W>
  static WEFT_INLINE void run(float* h, const float* bias, const float* stream, std::int64_t columns, DropRow drop,
                              std::int64_t begin, std::int64_t end) {
    using S = Simd<W>;
    for (std::int64_t row = begin; row < end; ++row) {
      float* z = h + row * columns;
      if (bias != nullptr || drop.threshold != 0) drop_row<W>(z, bias, z, row, columns, drop);
      for (std::int64_t i = 0; i < columns; i += W)
        S::store(z + i, S::load(z + i) + S::load(stream + row * columns + i));
    }
  }
};

// dz += (g − mean(g) − ẑ·mean(g·ẑ))/σ with g = dy·scale and ẑ = (z − mean)/σ; RMSNorm has no mean(g).
struct NormGradient {
  template <int W>
  static WEFT_INLINE void run(const float* dy, const float* z, const RowFacts* facts, const float* dstream, float* dz,
                              NormRow norm, std::int64_t rows) {
    using S = Simd<W>;
    using Vec = typename S::Vec;
    const float share = 1.0F / static_cast<float>(norm.columns);
    for (std::int64_t row = 0; row < rows; ++row) {
      const RowFacts f = facts[row];
      const std::int64_t at = row * norm.columns;
      Vec sum{}, product{};
      for (std::int64_t i = 0; i < norm.columns; i += W) {
        const Vec g = S::load(dy + at + i) * S::load(norm.scale + i);
        sum += g;
        product += g * (S::load(z + at + i) - f.mean);
      }
      const float mean = norm.shift == nullptr ? 0 : S::sum(sum) * share;
      const float slope = S::sum(product) * f.inverse * f.inverse * share;
      for (std::int64_t i = 0; i < norm.columns; i += W) {
        const Vec g = S::load(dy + at + i) * S::load(norm.scale + i);
        const Vec own = (g - mean - (S::load(z + at + i) - f.mean) * slope) * f.inverse;
        S::store(dz + at + i, dstream == nullptr ? own : own + S::load(dstream + at + i));
      }
    }
  }
};

struct DropKernel {
  template <int W>
  static WEFT_INLINE void run(const float* from, float* to, std::int64_t columns, DropRow drop, std::int64_t begin,
                              std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row)
      drop_row<W>(from + row * columns, nullptr, to + row * columns, row, columns, drop);
  }
};

NormRow row_of(const NormWeights& norm) {
  return {norm.scale_D.const_data_ptr<float>(), norm.shift_D.defined() ? norm.shift_D.const_data_ptr<float>() : nullptr,
          static_cast<float>(norm.epsilon), norm.scale_D.numel()};
}

DropRow row_of(const Dropout& dropout) {
  return {dropout.key, static_cast<std::int32_t>(dropout.threshold), dropout.scale};
}

std::int64_t grain(std::int64_t columns) { return 1 + 8192 / columns; }

at::Tensor facts_for(const at::Tensor& x) { return at::empty({x.size(0), 2}, x.options()); }
RowFacts* facts_in(const at::Tensor& facts_T2) { return reinterpret_cast<RowFacts*>(facts_T2.data_ptr<float>()); }

void run_norm(const at::Tensor& z, const at::Tensor& y, const at::Tensor& facts_T2, const NormWeights& weights) {
  const NormRow norm = row_of(weights);
  const float* from = z.const_data_ptr<float>();
  float* to = y.mutable_data_ptr<float>();
  RowFacts* facts = facts_in(facts_T2);
  parallel_for(z.size(0), grain(norm.columns), [&](std::int64_t begin, std::int64_t end) {
    run_kernel<NormKernel>(from + begin * norm.columns, to + begin * norm.columns, facts + begin, norm, end - begin);
  });
}

void run_add(const at::Tensor& h, const at::Tensor& bias, const at::Tensor& stream, const Dropout& dropout) {
  float* z = h.mutable_data_ptr<float>();
  const float *add = bias.defined() ? bias.const_data_ptr<float>() : nullptr, *from = stream.const_data_ptr<float>();
  const DropRow drop = row_of(dropout);
  const std::int64_t columns = h.size(1);
  parallel_for(h.size(0), grain(columns), [&](std::int64_t begin, std::int64_t end) {
    run_kernel<AddKernel>(z, add, from, columns, drop, begin, end);
  });
}

at::Tensor dropped(const at::Tensor& dz, const Dropout& dropout) {
  if (!dropout.active()) return dz;
  const at::Tensor dh = at::empty_like(dz);
  const float* from = dz.const_data_ptr<float>();
  float* to = dh.mutable_data_ptr<float>();
  const DropRow drop = row_of(dropout);
  const std::int64_t columns = dz.size(1);
  parallel_for(dz.size(0), grain(columns), [&](std::int64_t begin, std::int64_t end) {
    run_kernel<DropKernel>(from, to, columns, drop, begin, end);
  });
  return dh;
}

// Inputs h and stream, outputs stream' and normed; for a norm alone input x, output normed.
struct PreNormNode final : Node {
  NormWeights weights;
  Dropout dropout;
  at::Tensor stream_TD, facts_T2;
  bool adds = false;

  variable_list apply(variable_list&& gradients) override {
    BelowAutograd guard;
    const at::Tensor& dnormed = gradients.back();
    at::Tensor dz = adds && gradients[0].defined() ? dense(gradients[0]) : at::Tensor();
    if (dnormed.defined()) dz = through_norm(dense(dnormed), dz);
    if (!adds) return {dz};
    if (!dz.defined()) return {at::Tensor(), at::Tensor()};
    return {task_should_compute_output(0) ? dropped(dz, dropout) : at::Tensor(), dz};
  }

  at::Tensor through_norm(const at::Tensor& dy, const at::Tensor& dstream) const {
    WEFT_CHECK(stream_TD.defined(), "a second backward pass through a norm");
    const at::Tensor dz = at::empty_like(dy);
    const NormRow norm = row_of(weights);
    const float *from = dy.const_data_ptr<float>(), *z = stream_TD.const_data_ptr<float>();
    const float* add = dstream.defined() ? dstream.const_data_ptr<float>() : nullptr;
    const RowFacts* facts = facts_in(facts_T2);
    float* to = dz.mutable_data_ptr<float>();
    parallel_for(dy.size(0), grain(norm.columns), [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t at = begin * norm.columns;
      run_kernel<NormGradient>(from + at, z + at, facts + begin, add == nullptr ? add : add + at, to + at, norm,
                               end - begin);
    });
    return dz;
  }
  void release_variables() override { stream_TD.reset(), facts_T2.reset(); }
};

struct AddNode final : Node {
  Dropout dropout;
  variable_list apply(variable_list&& gradients) override {
    BelowAutograd guard;
    if (!gradients[0].defined()) return {at::Tensor(), at::Tensor()};
    const at::Tensor dz = dense(gradients[0]);
    return {task_should_compute_output(0) ? dropped(dz, dropout) : at::Tensor(), dz};
  }
};

bool fusable_norm(const at::Tensor& x, const NormWeights& norm) {
  return fusable(x) && !needs_gradient(norm.scale_D, norm.shift_D);
}

at::Tensor add_residual_aten(const at::Tensor& h, const at::Tensor& bias, const at::Tensor& stream,
                             const Dropout& dropout) {
  return at::add(apply_dropout(bias.defined() ? at::add(h, bias) : h, dropout), stream);
}

}  // namespace

at::Tensor norm_aten(const at::Tensor& x_TD, const NormWeights& norm) {
  if (norm.shift_D.defined())
    return at::layer_norm(x_TD, norm.scale_D.sizes(), norm.scale_D, norm.shift_D, norm.epsilon);
  const at::Tensor variance = at::mean(at::mul(x_TD, x_TD), -1, /*keepdim=*/true);
  return at::mul(at::mul(x_TD, at::rsqrt(at::add(variance, norm.epsilon))), norm.scale_D);
}

PreNorm add_norm_aten(const at::Tensor& h_TD, const at::Tensor& bias_D, const at::Tensor& stream_TD,
                      const NormWeights& norm, const Dropout& dropout) {
  const at::Tensor stream = add_residual_aten(h_TD, bias_D, stream_TD, dropout);
  return {stream, norm_aten(stream, norm)};
}

at::Tensor norm(const at::Tensor& x_TD, const NormWeights& weights) {
  if (!fusable_norm(x_TD, weights)) return norm_aten(x_TD, weights);
  const at::Tensor x = x_TD.detach();
  const at::Tensor y = at::empty_like(x), facts = facts_for(x);
  run_norm(x, y, facts, weights);
  if (!needs_gradient(x_TD)) return y;
  auto node = make_node<PreNormNode>();
  node->weights = weights;
  node->stream_TD = x;
  node->facts_T2 = facts;
  record(node, y, x_TD);
  return y;
}

PreNorm add_norm(at::Tensor h_TD, const at::Tensor& bias_D, const at::Tensor& stream_TD, const NormWeights& weights,
                 const Dropout& dropout) {
  if (!fusable_norm(h_TD, weights) || !fusable(stream_TD) || needs_gradient(bias_D))
    return add_norm_aten(h_TD, bias_D, stream_TD, weights, dropout);
  const at::Tensor z = h_TD.detach();
  const at::Tensor y = at::empty_like(z), facts = facts_for(z);
  run_add(z, bias_D, stream_TD, dropout);
  run_norm(z, y, facts, weights);
  if (!needs_gradient(h_TD, stream_TD)) return {z, y};
  auto node = make_node<PreNormNode>();
  node->weights = weights;
  node->dropout = dropout;
  node->stream_TD = z.detach();
  node->facts_T2 = facts;
  node->adds = true;
  record(node, z, h_TD, stream_TD);
  torch::autograd::set_history(y, NodeHandle(node));
  return {z, y};
}

at::Tensor add_residual(at::Tensor h_TD, const at::Tensor& bias_D, const at::Tensor& stream_TD,
                        const Dropout& dropout) {
  if (!fusable(h_TD) || !fusable(stream_TD) || needs_gradient(bias_D))
    return add_residual_aten(h_TD, bias_D, stream_TD, dropout);
  const at::Tensor z = h_TD.detach();
  run_add(z, bias_D, stream_TD, dropout);
  if (!needs_gradient(h_TD, stream_TD)) return z;
  auto node = make_node<AddNode>();
  node->dropout = dropout;
  record(node, z, h_TD, stream_TD);
  return z;
}

}  // namespace weft::nn
