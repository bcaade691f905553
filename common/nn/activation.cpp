// The forward kernels already have the exponential at hand, so they leave the derivative in the input's memory and the
// backward pass is one product. erf is Abramowitz and Stegun 7.1.26, absolute error 1.5e-7, as ATen's own kernels.
#include "common/nn/activation.h"

#include <ATen/ops/add.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>

#include <array>
#include <utility>

#include "common/nn/autograd.h"
#include "common/nn/parallel.h"
#include "common/nn/simd.h"

namespace weft::nn {
namespace {

// Functions here take and give vectors by reference: by value they would depend on the processor's calling convention.
template <int W, class Vec = typename Simd<W>::Vec>
WEFT_INLINE void gelu_exact(const Vec& v, Vec& value, Vec& derivative) {
  using S = Simd<W>;
  const Vec x = (v < 0 ? -v : v) * 0.70710678F;
  const Vec t = 1.0F / (x * 0.3275911F + 1.0F);
  const Vec gauss = S::exp(-x * x);  // e^(-v²/2)
  Vec p = t * 1.061405429F - 1.453152027F;
  p = p * t + 1.421413741F;
  p = p * t - 0.284496736F;
  p = p * t + 0.254829592F;
  const Vec tail = p * t * gauss * 0.5F;          // 0.5·erfc(|v|/√2)
  const Vec normal = v < 0 ? tail : 1.0F - tail;  // Φ(v)
  value = v * normal;
  derivative = normal + v * gauss * 0.39894228F;
}

template <int W, Activation kActivation, class Vec = typename Simd<W>::Vec>
WEFT_INLINE void evaluate(const Vec& v, Vec& value, Vec& derivative) {
  using S = Simd<W>;
  if constexpr (kActivation == Activation::gelu) return gelu_exact<W>(v, value, derivative);
  if constexpr (kActivation == Activation::relu) {
    derivative = v > 0 ? S::all(1.0F) : Vec{};
    value = v * derivative;
    return;
  }
  Vec inner = v, growth = S::all(1.0F);  // of σ's argument
  if constexpr (kActivation == Activation::quick_gelu) inner = v * 1.702F, growth = S::all(1.702F);
  if constexpr (kActivation == Activation::gelu_tanh) {
    constexpr float kRoot = 1.5957691216F;  // 2·√(2/π)
    inner = v * kRoot * (v * v * 0.044715F + 1.0F);
    growth = (v * v * (3 * 0.044715F) + 1.0F) * kRoot;
  }
  const Vec gate = 1.0F / (1.0F + S::exp(S::min(-inner, S::all(87.0F))));
  value = v * gate;
  derivative = gate + v * gate * (1.0F - gate) * growth;
}

// y may be u itself when no derivative is wanted; with one, u receives it. bias may be null.
template <Activation kActivation, bool kDerivative>
struct BiasKernel {
  template <int W>
  static WEFT_INLINE void run(float* u, const float* bias, float* y, std::int64_t rows, std::int64_t columns) {
    using S = Simd<W>;
    for (std::int64_t row = 0; row < rows; ++row, u += columns, y += columns)
      for (std::int64_t i = 0; i < columns; i += W) {
        const typename S::Vec in = S::load(u + i);
        typename S::Vec value, derivative;
        evaluate<W, kActivation>(bias == nullptr ? in : in + S::load(bias + i), value, derivative);
        S::store(y + i, value);
        if constexpr (kDerivative) S::store(u + i, derivative);
      }
  }
};

// With the derivative, gate and up become what dy is multiplied with.
template <bool kDerivative>
struct GatedKernel {
  template <int W>
  static WEFT_INLINE void run(float* gate_up, float* y, std::int64_t rows, std::int64_t columns) {
    using S = Simd<W>;
    for (std::int64_t row = 0; row < rows; ++row, gate_up += 2 * columns, y += columns)
      for (std::int64_t i = 0; i < columns; i += W) {
        const typename S::Vec gate = S::load(gate_up + i), up = S::load(gate_up + columns + i);
        typename S::Vec value, derivative;
        evaluate<W, Activation::silu>(gate, value, derivative);
        S::store(y + i, value * up);
        if constexpr (kDerivative) {
          S::store(gate_up + i, derivative * up);
          S::store(gate_up + columns + i, value);
        }
      }
  }
};

// factors [rows, parts·columns] in place times dy [rows, columns], for each part.
struct ProductKernel {
  template <int W>
  static WEFT_INLINE void run(const float* dy, float* factors, std::int64_t rows, std::int64_t columns,
                              std::int64_t parts) {
    for (std::int64_t row = 0; row < rows; ++row, dy += columns)
      for (std::int64_t part = 0; part < parts; ++part, factors += columns)
        for (std::int64_t i = 0; i < columns; i += W)
          Simd<W>::store(factors + i, Simd<W>::load(factors + i) * Simd<W>::load(dy + i));
  }
};

std::int64_t grain(std::int64_t columns) { return 1 + 8192 / columns; }

struct ActivationNode final : Node {
  at::Tensor factors;  // [T, I] or, gated, [T, 2I]

  variable_list apply(variable_list&& gradients) override {
    BelowAutograd guard;
    if (!gradients[0].defined()) return {at::Tensor()};
    WEFT_CHECK(factors.defined(), "a second backward pass through an activation");
    const at::Tensor dy = dense(gradients[0]);
    at::Tensor du = std::move(factors);  // its memory becomes the gradient's: nobody reads it again
    const float* from = dy.const_data_ptr<float>();
    float* to = du.mutable_data_ptr<float>();
    const std::int64_t columns = dy.size(1), parts = du.size(1) / columns;
    parallel_for(dy.size(0), grain(columns), [&](std::int64_t begin, std::int64_t end) {
      run_kernel<ProductKernel>(from + begin * columns, to + begin * parts * columns, end - begin, columns, parts);
    });
    return {du};
  }
  void release_variables() override { factors.reset(); }
};

template <Activation kActivation, bool kDerivative>
void run_bias(const at::Tensor& u, const at::Tensor& bias, const at::Tensor& y) {
  float* from = u.mutable_data_ptr<float>();
  const float* add = bias.defined() ? bias.const_data_ptr<float>() : nullptr;
  float* to = y.mutable_data_ptr<float>();
  const std::int64_t columns = u.size(1);
  parallel_for(u.size(0), grain(columns), [&](std::int64_t begin, std::int64_t end) {
    run_kernel<BiasKernel<kActivation, kDerivative>>(from + begin * columns, add, to + begin * columns, end - begin,
                                                     columns);
  });
}

template <bool kDerivative>
void run_gated(const at::Tensor& gate_up, const at::Tensor& y) {
  float *from = gate_up.mutable_data_ptr<float>(), *to = y.mutable_data_ptr<float>();
  const std::int64_t columns = y.size(1);
  parallel_for(y.size(0), grain(columns), [&](std::int64_t begin, std::int64_t end) {
    run_kernel<GatedKernel<kDerivative>>(from + begin * 2 * columns, to + begin * columns, end - begin, columns);
  });
}

using BiasFunction = void (*)(const at::Tensor& u, const at::Tensor& bias, const at::Tensor& y);

template <bool kDerivative>
BiasFunction kernel_of(Activation activation) {
  switch (activation) {
    case Activation::gelu:
      return &run_bias<Activation::gelu, kDerivative>;
    case Activation::gelu_tanh:
      return &run_bias<Activation::gelu_tanh, kDerivative>;
    case Activation::quick_gelu:
      return &run_bias<Activation::quick_gelu, kDerivative>;
    case Activation::silu:
      return &run_bias<Activation::silu, kDerivative>;
    case Activation::relu:
      return &run_bias<Activation::relu, kDerivative>;
  }
  WEFT_CHECK(false, "an unknown activation");
}

at::Tensor recorded(const at::Tensor& y, const at::Tensor& factors, const at::Tensor& input) {
  auto node = make_node<ActivationNode>();
  node->factors = factors;
  record(node, y, input);
  return y;
}

}  // namespace

std::optional<Activation> activation_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Activation>, 8> kNames{{{"gelu", Activation::gelu},
                                                                           {"gelu_new", Activation::gelu_tanh},
                                                                           {"gelu_pytorch_tanh", Activation::gelu_tanh},
                                                                           {"gelu_fast", Activation::gelu_tanh},
                                                                           {"quick_gelu", Activation::quick_gelu},
                                                                           {"silu", Activation::silu},
                                                                           {"swish", Activation::silu},
                                                                           {"relu", Activation::relu}}};
  for (const auto& [known, activation] : kNames)
    if (known == name) return activation;
  return {};
}

at::Tensor bias_activation_aten(const at::Tensor& u_TI, const at::Tensor& bias_I, Activation activation) {
  const at::Tensor v = bias_I.defined() ? at::add(u_TI, bias_I) : u_TI;
  switch (activation) {
    case Activation::gelu:
      return at::gelu(v);
    case Activation::gelu_tanh:
      return at::gelu(v, "tanh");
    case Activation::quick_gelu:
      return at::mul(v, at::sigmoid(at::mul(v, 1.702)));
    case Activation::silu:
      return at::silu(v);
    case Activation::relu:
      return at::relu(v);
  }
  WEFT_CHECK(false, "an unknown activation");
}

at::Tensor bias_activation(at::Tensor u_TI, const at::Tensor& bias_I, Activation activation) {
  if (!fusable(u_TI) || needs_gradient(bias_I)) return bias_activation_aten(u_TI, bias_I, activation);
  const at::Tensor u = u_TI.detach();
  if (!needs_gradient(u_TI)) {
    kernel_of<false>(activation)(u, bias_I, u);
    return u;
  }
  const at::Tensor y = at::empty(u.sizes(), u.options());
  kernel_of<true>(activation)(u, bias_I, y);
  return recorded(y, u, u_TI);
}

at::Tensor gated_silu_aten(const at::Tensor& gate_up_T2I) {
  const std::int64_t width = gate_up_T2I.size(1) / 2;
  return at::mul(at::silu(gate_up_T2I.narrow(1, 0, width)), gate_up_T2I.narrow(1, width, width));
}

at::Tensor gated_silu(at::Tensor gate_up_T2I) {
  if (!fusable(gate_up_T2I) || gate_up_T2I.size(1) % 32 != 0) return gated_silu_aten(gate_up_T2I);
  const at::Tensor both = gate_up_T2I.detach();
  const at::Tensor y = at::empty({both.size(0), both.size(1) / 2}, both.options());
  if (!needs_gradient(gate_up_T2I)) {
    run_gated<false>(both, y);
    return y;
  }
  run_gated<true>(both, y);
  return recorded(y, both, gate_up_T2I);
}

}  // namespace weft::nn
