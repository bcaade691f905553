#include "common/models/norm.h"

#include <ATen/ops/add.h>

namespace weft::models {

Norm::Norm(Parameter scale_D, Parameter shift_D, double epsilon)
    : scale_D_(std::move(scale_D)), shift_D_(std::move(shift_D)) {
  frozen_ = {.scale_D = scale_D_.frozen(), .shift_D = shift_D_.frozen(), .epsilon = epsilon};
}

nn::NormWeights Norm::weights(const Step& step) const {
  return {.scale_D = scale_D_(step), .shift_D = shift_D_(step), .epsilon = frozen_.epsilon};
}

at::Tensor Norm::operator()(const Step& step, const at::Tensor& x_TD) const { return nn::norm(x_TD, weights(step)); }

nn::PreNorm Norm::add(const Step& step, at::Tensor h_TD, const at::Tensor& bias_D, const at::Tensor& stream_TD,
                      const nn::Dropout& dropout) const {
  return nn::add_norm(std::move(h_TD), bias_D, stream_TD, weights(step), dropout);
}

at::Tensor Norm::after(const Step& step, at::Tensor h_TD, const at::Tensor& bias_D, const at::Tensor& residual_TD,
                       const nn::Dropout& dropout) const {
  if (!trained()) return nn::residual_norm(std::move(h_TD), bias_D, residual_TD, frozen_, dropout);
  return (*this)(step, at::add(residual_TD, nn::apply_dropout(at::add(h_TD, bias_D), dropout)));
}

}  // namespace weft::models
