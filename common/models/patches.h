// The input of a vision encoder: a picture cut into square patches, each one row by a linear map of its pixels, behind
// the learned rows that belong to no place ([CLS], DeiT's distillation token), all plus a learned vector for each
// position. Pictures are packed sequences of equal length.
// Suffixes: N pictures · T = N · rows() · D width · P side of a patch.
// Sources: Dosovitskiy et al. 2020, arXiv:2010.11929; Touvron et al. 2020, arXiv:2012.12877 (distillation token).
#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "common/models/checkpoint.h"
#include "common/models/step.h"

namespace weft::models {

struct PatchConfig {
  std::int64_t image_side, patch_side, width;
  std::int64_t patches() const { return (image_side / patch_side) * (image_side / patch_side); }
  std::vector<std::int64_t> weight_shape() const { return {width, 3, patch_side, patch_side}; }
};
// From "image_size" and "patch_size". ConfigError where no patch fits, and for pictures without three channels.
PatchConfig patch_config(const ModelConfig& config, std::int64_t width, std::int64_t default_patch_side);

struct PatchParts {
  Parameter weight_D3PP, bias_D;   // bias undefined: none
  std::vector<Parameter> special;  // D values each
  Parameter positions;             // (special.size() + patches) · D values
};

class Patches {
 public:
  Patches() = default;
  Patches(const PatchConfig& config, PatchParts parts) : config_(config), parts_(std::move(parts)) {}
  std::int64_t rows() const { return static_cast<std::int64_t>(parts_.special.size()) + config_.patches(); }
  // pixels [N, 3, H, W] -> [T, D]. Pixels at the right and lower edge that make no whole patch are not looked at.
  // Throws Failure for pictures of another size than the model's.
  at::Tensor operator()(const Step& step, const at::Tensor& pixels_N3HW) const;
  // Where so many pictures begin: a batch with starts alone.
  nn::Packed packed(std::int64_t pictures) const;

 private:
  PatchConfig config_{};
  PatchParts parts_;
};

}  // namespace weft::models
