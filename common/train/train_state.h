// A training between two steps, as bytes: leaves, the optimizer's state and what was summed so far. What is drawn at
// random follows from the step's number alone, so a training that goes on from here ends in the same bits.
#pragma once
#include <cstdint>

#include "common/base/bytes.h"
#include "common/nn/trainable.h"
#include "common/train/optimizer.h"

namespace weft::train {

struct TrainState {
  std::uint64_t steps = 0, tokens = 0;
  double loss_sum = 0, seconds = 0;
};

// A safetensors image.
Bytes training_image(const TrainState& state, const nn::Trainable& params, const Optimizer& optimizer);
// Copies leaves and the optimizer's state back. Throws Failure when `image` is not of such leaves and optimizer; then
// nothing was changed.
TrainState restore_training(ByteSpan image, nn::Trainable& params, Optimizer& optimizer);

}  // namespace weft::train
