#include "common/nn/linear_loss.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>

#include "common/nn/autograd.h"
#include "common/nn/parallel.h"
#include "common/nn/simd.h"

namespace weft::nn {
namespace {

// Floats of logits at once: enough rows for a matrix product at full speed, little beside a model's weights.
constexpr std::int64_t kChunkFloats = 8 << 20;

// Logits of a row become softmax − onehot(target); nll[row] = −log softmax[target].
struct RowKernel {
  template <int W>
  static WEFT_INLINE void run(float* logits, const std::int64_t* targets, float* nll, std::int64_t rows,
                              std::int64_t columns) {
    using S = Simd<W>;
    using Vec = typename S::Vec;
    const std::int64_t whole = columns / W * W;
    for (std::int64_t row = 0; row < rows; ++row, logits += columns) {
      Vec tops = S::all(-INFINITY), sums{};
      for (std::int64_t i = 0; i < whole; i += W) tops = S::max(tops, S::load(logits + i));
      float top = S::largest(tops);
      for (std::int64_t i = whole; i < columns; ++i) top = std::max(top, logits[i]);
      const float level = logits[targets[row]] - top;
      for (std::int64_t i = 0; i < whole; i += W) {
        const Vec e = S::exp(S::load(logits + i) - top);
        sums += e;
        S::store(logits + i, e);
      }
      float sum = S::sum(sums);
      for (std::int64_t i = whole; i < columns; ++i) sum += logits[i] = std::exp(logits[i] - top);
      const float share = 1.0F / sum;
      for (std::int64_t i = 0; i < whole; i += W) S::store(logits + i, S::load(logits + i) * share);
      for (std::int64_t i = whole; i < columns; ++i) logits[i] *= share;
      logits[targets[row]] -= 1;
      nll[row] = std::log(sum) - level;
    }
  }
};

// logits [rows, V] in place become their gradient; returns the rows' NLL.
at::Tensor through_softmax(at::Tensor& logits, const at::Tensor& targets) {
  if (!logits.is_cpu() || logits.scalar_type() != at::kFloat) {
    const at::Tensor log_p = at::log_softmax(logits, 1), column = targets.unsqueeze(1);
    logits = log_p.exp().scatter_add(1, column, at::zeros_like(column, log_p.options()).sub(1));
    return log_p.gather(1, column).squeeze(1).neg();
  }
  at::Tensor nll = at::empty({logits.size(0)}, logits.options());
  float *data = logits.mutable_data_ptr<float>(), *to = nll.mutable_data_ptr<float>();
  const auto* target = targets.const_data_ptr<std::int64_t>();
  const std::int64_t columns = logits.size(1);
  parallel_for(logits.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
    run_kernel<RowKernel>(data + begin * columns, target + begin, to + begin, end - begin, columns);
  });
  return nll;
}

// body(rows' begin, count) chunk by chunk.
template <class Body>
void by_chunks(std::int64_t rows, std::int64_t vocabulary, Body&& body) {
  const std::int64_t most = rows_at_once(vocabulary);
  for (std::int64_t begin = 0; begin < rows; begin += most) body(begin, std::min(most, rows - begin));
}

void check(const at::Tensor& states, const at::Tensor& targets, std::int64_t vocabulary) {
  WEFT_CHECK(states.size(0) == targets.numel(), "as many targets as states are needed");
  if (!targets.is_cpu() || targets.numel() == 0) return;  // a device checks its own indices
  const auto low = targets.min().item().toLong(), high = targets.max().item().toLong();
  if (low < 0 || high >= vocabulary)
    throw Failure("target token " + std::to_string(low < 0 ? low : high) + " is outside the model's vocabulary of " +
                  std::to_string(vocabulary) + "; tokenizer and model do not belong together");
}

struct FrozenHeadNode final : Node {
  at::Tensor gradient_RD;
  variable_list apply(variable_list&& gradients) override {
    BelowAutograd guard;
    if (!gradients[0].defined()) return {at::Tensor()};
    WEFT_CHECK(gradient_RD.defined(), "a second backward pass through the language head");
    return {std::exchange(gradient_RD, {}).mul_(gradients[0].unsqueeze(1))};
  }
  void release_variables() override { gradient_RD.reset(); }
};

}  // namespace

std::int64_t rows_at_once(std::int64_t vocabulary) {
  return std::clamp<std::int64_t>(kChunkFloats / vocabulary, 16, 4096);
}

at::Tensor linear_cross_entropy(const at::Tensor& states_RD, const std::shared_ptr<const FrozenLinear>& head,
                                const at::Tensor& targets_R) {
  check(states_RD, targets_R, head->out_features());
  const bool graph = needs_gradient(states_RD);
  const at::Tensor states = states_RD.detach(), targets = targets_R.contiguous();
  at::Tensor nll = at::empty({states.size(0)}, states.options());
  at::Tensor gradient = graph ? at::empty(states.sizes(), states.options()) : at::Tensor();
  {
    BelowAutograd guard;
    by_chunks(states.size(0), head->out_features(), [&](std::int64_t begin, std::int64_t count) {
      at::Tensor logits = head->forward(states.narrow(0, begin, count));
      nll.narrow(0, begin, count).copy_(through_softmax(logits, targets.narrow(0, begin, count)));
      if (graph) gradient.narrow(0, begin, count).copy_(head->backward(logits));
    });
  }
  if (!graph) return nll;
  auto node = make_node<FrozenHeadNode>();
  node->gradient_RD = gradient;
  record(node, nll, states_RD);
  return nll;
}

at::Tensor linear_cross_entropy_aten(const at::Tensor& states_RD, const at::Tensor& weight_VD,
                                     const at::Tensor& targets_R) {
  return at::cross_entropy_loss(at::mm(states_RD, weight_VD.t()), targets_R, {}, at::Reduction::None);
}

}  // namespace weft::nn
