// fp16 and bf16 to fp32 and back, rounding to nearest, ties to even.
#pragma once
#include <span>
#include <vector>

#include "common/tensor/safetensors.h"

namespace weft {

inline bool is_real(DType dtype) { return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16; }

// Values of an F32, F16 or BF16 tensor, and the same into as many floats; WEFT_CHECKs the dtype.
std::vector<float> widen(const TensorView& view);
void widen(const TensorView& view, std::span<float> into);
// The reverse; what is too large for fp16 becomes an infinity.
Bytes narrow(std::span<const float> values, DType dtype);

}  // namespace weft
