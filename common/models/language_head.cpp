#include "common/models/language_head.h"

#include <ATen/core/Reduction.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/split.h>

#include <optional>

#include "common/nn/linear_loss.h"
#include "common/nn/recomputed.h"

namespace weft::models {

at::Tensor language_losses(const Step& step, const Linear& head, const at::Tensor& states_RD,
                           const at::Tensor& targets_R) {
  if (!head.trained()) return nn::linear_cross_entropy(states_RD, head.frozen(), targets_R);
  const std::int64_t most = nn::rows_at_once(head.frozen()->out_features());
  const std::vector<at::Tensor> leaves = head.leaves(step), states = states_RD.split(most),
                                targets = targets_R.split(most);
  std::vector<at::Tensor> losses;
  for (std::size_t i = 0; i < states.size(); ++i) {
    std::optional<RngStream> dropout;  // a stream of its own, which begins anew on the way back
    if (step.rng != nullptr) dropout.emplace(step.rng->next_u64(), 0);
    losses.push_back(nn::recomputed(
        states[i], leaves, [&head, &params = step.params, dropout, of = targets[i]](const at::Tensor& x) {
          std::optional<RngStream> again = dropout;
          return at::cross_entropy_loss(head({params, again ? &*again : nullptr}, x), of, {}, at::Reduction::None);
        }));
  }
  return losses.size() == 1 ? losses[0] : at::cat(losses);
}

}  // namespace weft::models
