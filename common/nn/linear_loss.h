// Cross-entropy over a large vocabulary without ever holding all logits: rows go through the language head a chunk at a
// time, and the gradient of their states is taken while the chunk's probabilities are at hand, so that no product with
// the head is computed twice.
// Suffixes: R rows · D model width · V vocabulary.
// Source: Hsu et al. 2024, "Liger kernel", arXiv:2410.10989, section 3.2 (fused linear cross-entropy).
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>

#include "common/nn/frozen_linear.h"

namespace weft::nn {

// How many rows of logits are held at once.
std::int64_t rows_at_once(std::int64_t vocabulary);

// −log softmax(states·Wᵀ)[target] of each row, [R]; differentiable in states [R, D]. targets [R] int64, each in [0, V):
// throws Failure naming one that is not. The head's bias is not read: language heads have none.
at::Tensor linear_cross_entropy(const at::Tensor& states_RD, const std::shared_ptr<const FrozenLinear>& head,
                                const at::Tensor& targets_R);

// The same with all logits at once, in ATen's own operations: for tests.
at::Tensor linear_cross_entropy_aten(const at::Tensor& states_RD, const at::Tensor& weight_VD,
                                     const at::Tensor& targets_R);

}  // namespace weft::nn
