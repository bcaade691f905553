// Rotary position embedding: pairs (i, i + half) of the first `rotated` features of each query and key head are turned
// by position·frequency_i, so that a score depends on the distance alone. Heads' layout is transformers' (two halves).
// Frequencies are computed in double and rounded once to fp32, which is what checkpoints were trained with.
// Suffixes: T packed tokens · C columns: query heads, key heads, value heads side by side · F frequencies.
// Sources: Su et al. 2021, arXiv:2104.09864; Peng et al. 2023, "YaRN", arXiv:2309.00071; Llama 3.1's scaling as in its
// model card's code.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace weft::nn {

// What a checkpoint's config declares.
struct RotaryConfig {
  enum class Scaling { none, linear, llama3, yarn };
  Scaling scaling = Scaling::none;
  double theta = 10000;
  std::int64_t rotated = 0;                      // features of a head that are turned; even
  double factor = 1;                             // all but none
  double original_positions = 0;                 // llama3, yarn
  double low_frequency = 1, high_frequency = 4;  // llama3, in turns over original_positions
  double beta_fast = 32, beta_slow = 1;          // yarn, in turns over original_positions
  std::optional<double> attention_factor;        // yarn, of cos and sin; nullopt: from factor and the two below
  double mscale = 0, mscale_all_dimensions = 0;  // yarn; 0: not declared
  bool truncate = true;                          // yarn: whole dimensions as the ramp's ends
};

struct RotaryFrequencies {
  std::vector<float> inverse_F;
  double amplitude = 1;  // of cos and sin
};
RotaryFrequencies rotary_frequencies(const RotaryConfig& config);

// cos and sin of each token's angles, [T, F] fp32 on `device`: once a batch, for all layers.
struct RotaryAngles {
  at::Tensor cos_TF, sin_TF;
};
RotaryAngles rotary_angles(const RotaryFrequencies& frequencies, const at::Tensor& position_T, at::Device device);
// The same in ATen's own operations, on any device, within a rounding of that device's cos and sin.
RotaryAngles rotary_angles_aten(const RotaryFrequencies& frequencies, const at::Tensor& position_T, at::Device device);

// Columns [0, heads·head_dim) hold the heads to turn; what follows (the values) gets its bias only.
struct RotaryShape {
  std::int64_t heads, head_dim;
};

// qkv [T, C] and bias [C], or undefined for none. Differentiable in qkv; takes it over.
at::Tensor rotate(at::Tensor qkv_TC, const at::Tensor& bias_C, const RotaryAngles& angles, const RotaryShape& shape);
// The same in ATen's own operations, on any device and dtype; differentiable in bias as well.
at::Tensor rotate_aten(const at::Tensor& qkv_TC, const at::Tensor& bias_C, const RotaryAngles& angles,
                       const RotaryShape& shape);

}  // namespace weft::nn
