#include "common/models/language_head.h"

#include <ATen/core/Reduction.h>
#include <ATen/ops/cross_entropy_loss.h>

#include "common/nn/linear_loss.h"

namespace weft::models {

at::Tensor language_losses(const Step& step, const Linear& head, const at::Tensor& states_RD,
                           const at::Tensor& targets_R) {
  if (!head.trained()) return nn::linear_cross_entropy(states_RD, head.frozen(), targets_R);
  return at::cross_entropy_loss(head(step, states_RD), targets_R, {}, at::Reduction::None);
}

}  // namespace weft::models
