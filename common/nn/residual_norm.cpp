#include "common/nn/residual_norm.h"

#include <ATen/ops/add.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/layer_norm.h>

#include "common/nn/autograd.h"
#include "common/nn/norm_kernels.h"
#include "common/nn/parallel.h"

namespace weft::nn {
namespace {

// h becomes the normalised row, which is what the backward pass needs.
struct ForwardKernel {
  template <int W>
  static WEFT_INLINE void run(float* h, const float* bias, const float* residual, float* y, float* inverse_sigma,
                              NormRow norm, DropRow drop, std::int64_t begin, std::int64_t end) {
    using S = Simd<W>;
    for (std::int64_t row = begin; row < end; ++row) {
      float* z = h + row * norm.columns;
      const float* add = residual + row * norm.columns;
      drop_row<W>(z, bias, z, row, norm.columns, drop);
      for (std::int64_t i = 0; i < norm.columns; i += W) S::store(z + i, S::load(z + i) + S::load(add + i));
      inverse_sigma[row] = normalise_row<W>(z, norm);
      scale_and_shift<W>(z, y + row * norm.columns, norm);
    }
  }
};

// dz = (g − mean(g) − ẑ·mean(g·ẑ))/σ with g = dy·scale; dz overwrites ẑ and dh is dz with the forward pass's dropout.
struct BackwardKernel {
  template <int W>
  static WEFT_INLINE void run(const float* dy, float* normal, const float* inverse_sigma, float* dh, NormRow norm,
                              DropRow drop, std::int64_t begin, std::int64_t end) {
    using S = Simd<W>;
    using Vec = typename S::Vec;
    const float share = 1.0F / static_cast<float>(norm.columns);
    for (std::int64_t row = begin; row < end; ++row) {
      const float* from = dy + row * norm.columns;
      float* z = normal + row * norm.columns;
      Vec sum{}, product{};
      for (std::int64_t i = 0; i < norm.columns; i += W) {
        const Vec g = S::load(from + i) * S::load(norm.scale + i);
        sum += g;
        product += g * S::load(z + i);
      }
      const float mean = S::sum(sum) * share, slope = S::sum(product) * share, inverse = inverse_sigma[row];
      for (std::int64_t i = 0; i < norm.columns; i += W) {
        const Vec g = S::load(from + i) * S::load(norm.scale + i);
        S::store(z + i, (g - mean - S::load(z + i) * slope) * inverse);
      }
      if (drop.threshold != 0) drop_row<W>(z, nullptr, dh + row * norm.columns, row, norm.columns, drop);
    }
  }
};

DropRow row_of(const Dropout& dropout) {
  return {dropout.key, static_cast<std::int32_t>(dropout.threshold), dropout.scale};
}

NormRow row_of(const NormWeights& norm) {
  return {norm.scale_D.const_data_ptr<float>(), norm.shift_D.const_data_ptr<float>(), static_cast<float>(norm.epsilon),
          norm.scale_D.numel()};
}

std::int64_t grain(std::int64_t columns) { return 1 + 8192 / columns; }

struct ResidualNormNode final : Node {
  NormWeights norm;
  Dropout dropout;
  at::Tensor normal_TD, inverse_sigma_T;

  variable_list apply(variable_list&& gradients) override {
    BelowAutograd guard;
    if (!gradients[0].defined()) return {at::Tensor(), at::Tensor()};
    WEFT_CHECK(normal_TD.defined(), "a second backward pass through a layer norm");
    const at::Tensor dy = dense(gradients[0]);
    at::Tensor dz = std::move(normal_TD);
    const at::Tensor dh = dropout.active() ? at::empty(dz.sizes(), dz.options()) : dz;
    const float *from = dy.const_data_ptr<float>(), *inverse = inverse_sigma_T.const_data_ptr<float>();
    float *z = dz.mutable_data_ptr<float>(), *h = dh.mutable_data_ptr<float>();
    const NormRow norm_row = row_of(norm);
    const DropRow drop_row = row_of(dropout);
    parallel_for(dz.size(0), grain(dz.size(1)), [&](std::int64_t begin, std::int64_t end) {
      run_kernel<BackwardKernel>(from, z, inverse, h, norm_row, drop_row, begin, end);
    });
    return {dh, dz};
  }
  void release_variables() override { normal_TD.reset(); }
};

}  // namespace

at::Tensor residual_norm_aten(const at::Tensor& h_TD, const at::Tensor& bias_D, const at::Tensor& residual_TD,
                              const NormWeights& norm, const Dropout& dropout) {
  const at::Tensor z = at::add(apply_dropout(at::add(h_TD, bias_D), dropout), residual_TD);
  return at::layer_norm(z, norm.scale_D.sizes(), norm.scale_D, norm.shift_D, norm.epsilon);
}

at::Tensor residual_norm(at::Tensor h_TD, const at::Tensor& bias_D, const at::Tensor& residual_TD,
                         const NormWeights& norm, const Dropout& dropout) {
  if (!fusable(h_TD) || !fusable(residual_TD)) return residual_norm_aten(h_TD, bias_D, residual_TD, norm, dropout);
  const at::Tensor h = h_TD.detach();
  at::Tensor y = at::empty(h.sizes(), h.options()), inverse_sigma = at::empty({h.size(0)}, h.options());
  float *z = h.mutable_data_ptr<float>(), *to = y.mutable_data_ptr<float>(),
        *inverse = inverse_sigma.mutable_data_ptr<float>();
  const float *bias = bias_D.const_data_ptr<float>(), *residual = residual_TD.const_data_ptr<float>();
  const NormRow norm_row = row_of(norm);
  const DropRow drop_row = row_of(dropout);
  parallel_for(h.size(0), grain(h.size(1)), [&](std::int64_t begin, std::int64_t end) {
    run_kernel<ForwardKernel>(z, bias, residual, to, inverse, norm_row, drop_row, begin, end);
  });
  if (!needs_gradient(h_TD, residual_TD)) return y;
  auto node = make_node<ResidualNormNode>();
  node->norm = norm;
  node->dropout = dropout;
  node->normal_TD = h;
  node->inverse_sigma_T = inverse_sigma;
  record(node, y, h_TD, residual_TD);
  return y;
}

}  // namespace weft::nn
