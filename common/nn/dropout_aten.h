// dropout_factors() in ATen's own operations, on any device: what it does where no code of ours runs.
#pragma once
#include "common/nn/dropout.h"

namespace weft::nn {

at::Tensor dropout_factors_aten(const Dropout& dropout, std::int64_t rows, std::int64_t columns, at::Device device,
                                std::int64_t row_offset = 0);

}  // namespace weft::nn
