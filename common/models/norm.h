// A normalisation of a network, frozen or trained.
#pragma once
#include <ATen/core/Tensor.h>

#include "common/models/step.h"
#include "common/nn/pre_norm.h"
#include "common/nn/residual_norm.h"

namespace weft::models {

enum class NormKind { layer, rms };  // LayerNorm has a shift, RMSNorm has none

class Norm {
 public:
  Norm() = default;
  Norm(Parameter scale_D, Parameter shift_D, double epsilon);
  bool trained() const { return scale_D_.trained() || shift_D_.trained(); }
  const nn::NormWeights& frozen() const { return frozen_; }  // for fused operations, when nothing is trained

  // Norm(x): [T, D].
  at::Tensor operator()(const Step& step, const at::Tensor& x_TD) const;
  // stream + dropout(h + bias) and the norm of that, as nn::add_norm; takes h over.
  nn::PreNorm add(const Step& step, at::Tensor h_TD, const at::Tensor& bias_D, const at::Tensor& stream_TD,
                  const nn::Dropout& dropout) const;
  // LayerNorm(residual + dropout(h + bias)), as nn::residual_norm; takes h over.
  at::Tensor after(const Step& step, at::Tensor h_TD, const at::Tensor& bias_D, const at::Tensor& residual_TD,
                   const nn::Dropout& dropout) const;

 private:
  nn::NormWeights weights(const Step& step) const;

  Parameter scale_D_, shift_D_;
  nn::NormWeights frozen_;
};

}  // namespace weft::models
