// Conversions by bit pattern, so that they do not depend on the processor.
#include "common/tensor/half.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace weft {
namespace {

float from_half(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16, exponent = (half >> 10) & 31U;
  std::uint32_t mantissa = half & 0x3ffU;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000U | (mantissa << 13));
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  const float magnitude = static_cast<float>(mantissa) * 0x1.0p-24F;
  return sign != 0 ? -magnitude : magnitude;
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
  std::vector<float> values(view.bytes.size() / bytes_per_value(view.dtype));
  widen(view, values);
  return values;
}

void widen(const TensorView& view, std::span<float> into) {
  WEFT_CHECK(is_real(view.dtype), name_of(view.dtype));
  WEFT_CHECK(into.size() * bytes_per_value(view.dtype) == view.bytes.size(), "values of a tensor of another size");
  if (view.dtype == DType::f32) {
    if (!into.empty()) std::memcpy(into.data(), view.bytes.data(), view.bytes.size());
    return;
  }
  for (std::size_t i = 0; i < into.size(); ++i) {
    std::uint16_t raw = 0;
    std::memcpy(&raw, view.bytes.data() + 2 * i, 2);
    into[i] = view.dtype == DType::f16 ? from_half(raw) : std::bit_cast<float>(std::uint32_t{raw} << 16);
  }
}

Bytes narrow(std::span<const float> values, DType dtype) {
  WEFT_CHECK(is_real(dtype), name_of(dtype));
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

}  // namespace weft
