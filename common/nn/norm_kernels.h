// Row kernels of layer normalisation with what surrounds it, shared by the residual halves of a layer and the
// embedding.
#pragma once
#include <cstdint>

#include "common/nn/philox_simd.h"

namespace weft::nn {

struct NormRow {
  const float *scale, *shift;  // [columns]
  float epsilon;
  std::int64_t columns;
};

struct DropRow {
  std::uint64_t key;
  std::int32_t threshold;  // 0: keep all
  float factor;
};

// z [columns] in place becomes its normalised value; returns 1/σ. Two passes over a row that is in the first-level
// cache.
template <int W>
WEFT_INLINE float normalise_row(float* z, const NormRow& norm) {
  using S = Simd<W>;
  typename S::Vec sum{}, squares{};
  for (std::int64_t i = 0; i < norm.columns; i += W) sum += S::load(z + i);
  const float mean = S::sum(sum) / static_cast<float>(norm.columns);
  for (std::int64_t i = 0; i < norm.columns; i += W) {
    const typename S::Vec centred = S::load(z + i) - mean;
    squares += centred * centred;
  }
  const float variance = S::sum(squares) / static_cast<float>(norm.columns);
  const float inverse = 1.0F / __builtin_sqrtf(variance + norm.epsilon);
  for (std::int64_t i = 0; i < norm.columns; i += W) S::store(z + i, (S::load(z + i) - mean) * inverse);
  return inverse;
}

template <int W>
WEFT_INLINE void scale_and_shift(const float* normal, float* y, const NormRow& norm) {
  using S = Simd<W>;
  for (std::int64_t i = 0; i < norm.columns; i += W)
    S::store(y + i, S::load(normal + i) * S::load(norm.scale + i) + S::load(norm.shift + i));
}

// to = (from + bias) with dropout; bias may be null for none.
template <int W>
WEFT_INLINE void drop_row(const float* from, const float* bias, float* to, std::int64_t row, std::int64_t columns,
                          const DropRow& drop) {
  using S = Simd<W>;
  using Vec = typename S::Vec;
  const std::int64_t chunks = chunks_per_row(columns);
  std::uint16_t draws[kDrawsPerChunk];
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    const std::int64_t begin = chunk * kDrawsPerChunk;
    const std::int64_t count = columns - begin < kDrawsPerChunk ? columns - begin : kDrawsPerChunk;
    if (drop.threshold != 0) draw_chunks<W>(drop.key, static_cast<std::uint64_t>(row * chunks + chunk), 1, draws);
    for (std::int64_t i = 0; i < count; i += W) {
      Vec value = S::load(from + begin + i);
      if (bias != nullptr) value += S::load(bias + begin + i);
      if (drop.threshold != 0) value *= S::factors(draws + i, drop.threshold, drop.factor);
      S::store(to + begin + i, value);
    }
  }
}

}  // namespace weft::nn
