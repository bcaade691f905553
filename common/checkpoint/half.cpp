// Conversions by bit pattern, so that they do not depend on the processor.
#include "common/checkpoint/half.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace weft::checkpoint {
namespace {

float from_half(std::uint16_t half) {
  const int exponent = (half >> 10) & 0x1f, mantissa = half & 0x3ff;
  const float sign = (half & 0x8000) != 0 ? -1.0F : 1.0F;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(mantissa), -24);
  if (exponent == 31) return mantissa == 0 ? sign * INFINITY : NAN;
  return sign * std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
}

std::uint16_t to_half(float value) {
  const auto sign = static_cast<std::uint16_t>(std::signbit(value) ? 0x8000 : 0);
  if (std::isnan(value)) return static_cast<std::uint16_t>(sign | 0x7e00);
  const float size = std::fabs(value);
  if (size == 0.0F) return sign;
  if (size >= 65520.0F) return static_cast<std::uint16_t>(sign | 0x7c00);  // rounds past the largest
  int exponent = 0;
  std::frexp(size, &exponent);                    // size in [2^(exponent-1), 2^exponent)
  const int step = std::max(exponent - 11, -24);  // weight of the last bit; subnormals end at 2^-24
  const auto units = static_cast<int>(std::nearbyint(std::ldexp(size, -step)));
  // With exponent bits counted from the subnormals up, a carry out of the mantissa moves into them by itself.
  const int bits = (step + 24) * 1024 + units;
  return static_cast<std::uint16_t>(sign | bits);
}

std::uint16_t to_brain(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>((bits >> 16) | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

}  // namespace

std::vector<float> widen(const TensorView& view) {
  WEFT_CHECK(view.dtype == DType::f32 || view.dtype == DType::f16 || view.dtype == DType::bf16, name_of(view.dtype));
  std::vector<float> values(view.bytes.size() / bytes_per_value(view.dtype));
  if (view.dtype == DType::f32) {
    if (!values.empty()) std::memcpy(values.data(), view.bytes.data(), view.bytes.size());
    return values;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint16_t raw = 0;
    std::memcpy(&raw, view.bytes.data() + 2 * i, 2);
    values[i] = view.dtype == DType::f16 ? from_half(raw) : std::bit_cast<float>(std::uint32_t{raw} << 16);
  }
  return values;
}

Bytes narrow(std::span<const float> values, DType dtype) {
  WEFT_CHECK(dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16, name_of(dtype));
  Bytes bytes(values.size() * bytes_per_value(dtype));
  if (dtype == DType::f32) {
    if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint16_t raw = dtype == DType::f16 ? to_half(values[i]) : to_brain(values[i]);
    std::memcpy(bytes.data() + 2 * i, &raw, 2);
  }
  return bytes;
}

}  // namespace weft::checkpoint
