// Examples of a data set to one batch on a device: packed tokens, pixels, and what is to be learned of them.
// Suffixes: T packed tokens · N examples · R tokens that are learned · C classes.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "common/data/encode.h"
#include "common/models/step.h"

namespace weft::train {

// What the data set does not have is undefined.
struct Batch {
  models::Inputs inputs;
  std::int64_t examples = 0;
  at::Tensor labels_N;          // int64
  at::Tensor label_vectors_NC;  // fp32, 0 or 1
  at::Tensor targets_N;         // fp32
  at::Tensor learned_R;         // int64, places in T of the tokens with a label
  at::Tensor token_labels_R;    // int64, their labels
  std::int64_t tokens() const { return inputs.tokens.starts.empty() ? 0 : inputs.tokens.starts.back(); }
};

Batch make_batch(const data::EncodedDataset& data, std::span<const std::uint32_t> examples, at::Device device);

}  // namespace weft::train
