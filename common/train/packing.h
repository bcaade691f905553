// Examples to one packed batch on a device.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "common/data/encode.h"
#include "common/nn/packed.h"

namespace weft::train {

struct LabelledBatch {
  nn::Packed tokens;
  at::Tensor labels_N;  // int64
};

LabelledBatch pack(const data::EncodedDataset& data, std::span<const std::uint32_t> examples, at::Device device);

}  // namespace weft::train
