// y = f(u + bias) for the functions between the two linear layers of a transformer's second half, and the gated kind.
// Suffixes: T packed tokens · I inner features.
// Sources: Hendrycks and Gimpel 2016, arXiv:1606.08415 (GELU, its tanh and its quick form); Shazeer 2020,
// arXiv:2002.05202 (SwiGLU).
#pragma once
#include <ATen/core/Tensor.h>

#include <optional>
#include <string_view>

namespace weft::nn {

// v is the input with its bias, Φ the normal distribution, σ the logistic function.
enum class Activation {
  gelu,        // v·Φ(v), exact
  gelu_tanh,   // v·σ(2·√(2/π)·(v + 0.044715·v³)): GPT-2's gelu_new
  quick_gelu,  // v·σ(1.702·v)
  silu,        // v·σ(v)
  relu,        // max(v, 0)
};

// By the name that checkpoints' configs use ("gelu", "gelu_new", "gelu_pytorch_tanh", "quick_gelu", "silu", "swish",
// "relu"); nullopt for others.
std::optional<Activation> activation_of(std::string_view name);

// u [T, I], bias [I] or undefined for none. Differentiable in u; in a bias that asks for a gradient too, by ATen's own
// operations. Takes u over: its memory may hold other values afterwards, so pass a tensor that nobody else reads.
at::Tensor bias_activation(at::Tensor u_TI, const at::Tensor& bias_I, Activation activation);
// silu(gate)·up, [T, I], of gate and up side by side, [T, 2I]. Differentiable; takes its input over.
at::Tensor gated_silu(at::Tensor gate_up_T2I);

// The same in ATen's own operations, on any device and dtype.
at::Tensor bias_activation_aten(const at::Tensor& u_TI, const at::Tensor& bias_I, Activation activation);
at::Tensor gated_silu_aten(const at::Tensor& gate_up_T2I);

}  // namespace weft::nn
