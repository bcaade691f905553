// 16-bit uniform draws by the chunk, for dropout: chunk c of key k is always the same 128 numbers.
// Philox4x32 with 7 rounds, the fewest that its authors found to pass BigCrush; 16 counters side by side, one a lane.
// Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", table 2.
#pragma once
#include <cstdint>
#include <cstring>

#include "common/nn/simd.h"

namespace weft::nn {

constexpr std::int64_t kDrawsPerChunk = 128;

// Chunks that a row of `columns` draws takes: each row of a mask starts a chunk of its own.
inline std::int64_t chunks_per_row(std::int64_t columns) { return (columns + kDrawsPerChunk - 1) / kDrawsPerChunk; }

// W / 2 counters of a group of 8, which makes 64 draws: first the low halves of all, then the high halves. So the order
// does not depend on W, and a mask is the same on every machine.
template <int W>
WEFT_INLINE void philox_part(std::uint64_t key, std::uint64_t group, int part, std::uint16_t* out) {
  using Wide = typename Simd<W>::Wide;  // each 32-bit word in a 64-bit lane
  constexpr std::uint64_t kM0 = 0xD2511F53, kM1 = 0xCD9E8D57, kLow = 0xFFFFFFFF;
  Wide counter;
  for (int i = 0; i < W / 2; ++i) counter[i] = group * 8 + static_cast<std::uint64_t>(part * (W / 2) + i);
  Wide c0 = counter & kLow, c1 = counter >> 32, c2 = Wide{}, c3 = Wide{};
  std::uint64_t k0 = key & kLow, k1 = key >> 32;
  for (int round = 0; round < 7; ++round) {
    const Wide p0 = c0 * kM0, p1 = c2 * kM1;
    c0 = (p1 >> 32) ^ c1 ^ k0;
    c2 = (p0 >> 32) ^ c3 ^ k1;
    c1 = p1 & kLow;
    c3 = p0 & kLow;
    k0 = (k0 + 0x9E3779B9) & kLow;
    k1 = (k1 + 0xBB67AE85) & kLow;
  }
  const Wide low = c0 | (c1 << 32), high = c2 | (c3 << 32);
  std::memcpy(out + part * W * 2, &low, sizeof(low));
  std::memcpy(out + 32 + part * W * 2, &high, sizeof(high));
}

// Draws of chunks [first, first + count) to out[128 * count].
template <int W>
WEFT_INLINE void draw_chunks(std::uint64_t key, std::uint64_t first, std::int64_t count, std::uint16_t* out) {
  for (std::int64_t group = 0; group < 2 * count; ++group)
    for (int part = 0; part < 16 / W; ++part)
      philox_part<W>(key, first * 2 + static_cast<std::uint64_t>(group), part, out + group * 64);
}

}  // namespace weft::nn
