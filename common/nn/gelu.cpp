// The forward kernel already has erf and its exponential at hand, so it leaves the derivative in the input's memory and
// the backward pass is one product. erf is Abramowitz and Stegun 7.1.26, absolute error 1.5e-7, as ATen's own kernels.
#include "common/nn/gelu.h"

#include <ATen/ops/add.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/mul.h>

#include "common/nn/autograd.h"
#include "common/nn/parallel.h"
#include "common/nn/simd.h"

namespace weft::nn {
namespace {

// y may be u itself when no derivative is wanted; with one, u receives it.
template <bool kDerivative>
struct GeluKernel {
  template <int W>
  static WEFT_INLINE void run(float* u, const float* bias, float* y, std::int64_t rows, std::int64_t columns) {
    using S = Simd<W>;
    using Vec = typename S::Vec;
    for (std::int64_t row = 0; row < rows; ++row, u += columns, y += columns)
      for (std::int64_t i = 0; i < columns; i += W) {
        const Vec v = S::load(u + i) + S::load(bias + i);
        const Vec x = (v < 0 ? -v : v) * 0.70710678F;
        const Vec t = 1.0F / (x * 0.3275911F + 1.0F);
        const Vec gauss = S::exp(-x * x);  // e^(-v²/2)
        Vec p = t * 1.061405429F - 1.453152027F;
        p = p * t + 1.421413741F;
        p = p * t - 0.284496736F;
        p = p * t + 0.254829592F;
        const Vec tail = p * t * gauss * 0.5F;          // 0.5·erfc(|v|/√2)
        const Vec normal = v < 0 ? tail : 1.0F - tail;  // Φ(v)
        S::store(y + i, v * normal);
        if constexpr (kDerivative) S::store(u + i, normal + v * gauss * 0.39894228F);
      }
  }
};

struct ProductKernel {
  template <int W>
  static WEFT_INLINE void run(const float* a, const float* b, float* out, std::int64_t count) {
    for (std::int64_t i = 0; i < count; i += W) Simd<W>::store(out + i, Simd<W>::load(a + i) * Simd<W>::load(b + i));
  }
};

struct GeluNode final : Node {
  at::Tensor derivative_TD;

  variable_list apply(variable_list&& gradients) override {
    BelowAutograd guard;
    if (!gradients[0].defined()) return {at::Tensor()};
    WEFT_CHECK(derivative_TD.defined(), "a second backward pass through GELU");
    const at::Tensor dy = dense(gradients[0]);
    // The derivative's memory becomes the gradient's: nobody reads it again.
    at::Tensor du = std::move(derivative_TD);
    const float* from = dy.const_data_ptr<float>();
    float* to = du.mutable_data_ptr<float>();
    parallel_for(du.numel() / 16, 1024, [&](std::int64_t begin, std::int64_t end) {
      run_kernel<ProductKernel>(from + begin * 16, static_cast<const float*>(to + begin * 16), to + begin * 16,
                                (end - begin) * 16);
    });
    return {du};
  }
  void release_variables() override { derivative_TD.reset(); }
};

template <bool kDerivative>
void run_gelu(const at::Tensor& u, const at::Tensor& bias, const at::Tensor& y) {
  float* from = u.mutable_data_ptr<float>();
  const float* add = bias.const_data_ptr<float>();
  float* to = y.mutable_data_ptr<float>();
  const std::int64_t columns = u.size(1);
  parallel_for(u.size(0), 1 + 8192 / columns, [&](std::int64_t begin, std::int64_t end) {
    run_kernel<GeluKernel<kDerivative>>(from + begin * columns, add, to + begin * columns, end - begin, columns);
  });
}

}  // namespace

at::Tensor bias_gelu_aten(const at::Tensor& u_TD, const at::Tensor& bias_D) { return at::gelu(at::add(u_TD, bias_D)); }

at::Tensor bias_gelu(at::Tensor u_TD, const at::Tensor& bias_D) {
  if (!fusable(u_TD)) return bias_gelu_aten(u_TD, bias_D);
  const at::Tensor u = u_TD.detach();
  if (!needs_gradient(u_TD)) {
    run_gelu<false>(u, bias_D, u);
    return u;
  }
  at::Tensor y = at::empty(u.sizes(), u.options());
  run_gelu<true>(u, bias_D, y);
  auto node = make_node<GeluNode>();
  node->derivative_TD = u;
  record(node, y, u_TD);
  return y;
}

}  // namespace weft::nn
