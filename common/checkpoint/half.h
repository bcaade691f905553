// fp16 and bf16 to fp32 and back, rounding to nearest, ties to even.
#pragma once
#include <span>

#include "common/tensor/safetensors.h"

namespace weft::checkpoint {

// Values of an F32, F16 or BF16 tensor; WEFT_CHECKs the dtype.
std::vector<float> widen(const TensorView& view);
// The reverse; what is too large for fp16 becomes an infinity.
Bytes narrow(std::span<const float> values, DType dtype);

}  // namespace weft::checkpoint
