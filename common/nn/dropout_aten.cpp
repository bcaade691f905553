// Masks in ATen's own operations, for devices that run no code of ours; the same bits as the kernel's. What they cost
// is launches, so both pairs of a counter's words go through each operation side by side. A pair of 32-bit words is one
// int64: X = (c0, c1), high word first, and Y = (c2, c3). A round of Philox makes
//   X' = hi(Y)·M1 ^ (lo(X) ^ k0)·2³²  and  Y' = hi(X)·M0 ^ (lo(Y) ^ k1)·2³²:
// a product stays where its factor was, so X and Y change places in each round.
// int64 has no room for an unsigned product. High words are kept as signed s = h - 2³¹, their top bit flipped, and
//   h·M - 2⁶³ = s·M + 2³¹·(M - 2³²),
// which no part of it overflows, is h·M with its top bit flipped: again what a round wants.
// Suffixes: C counters · 2 the two pairs.
#include "common/nn/dropout_aten.h"

#include <ATen/ops/addcmul.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/bitwise_xor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>

#include "common/nn/autograd.h"
#include "common/nn/host_copy.h"
#include "common/nn/philox_simd.h"

namespace weft::nn {
namespace {

constexpr std::size_t kRounds = 7;
constexpr std::int64_t kCountersPerChunk = kDrawsPerChunk / 8;
constexpr std::int64_t kDrawsAtOnce = 1 << 23;  // each takes 8 bytes while it is made
constexpr std::uint32_t kTop = 0x80000000;
constexpr std::uint32_t kTops = 0x80008000;  // of both draws in a word: draws leave as d - 2¹⁵, ATen having no uint16

struct Pairs {
  at::Tensor all_2C;                        // int64
  at::Tensor high_2C, low_2C;               // int32, views
  std::array<at::Tensor, 2> high_C, low_C;  // of each pair

  // `high`: which word of the int64 is taken for the high one, 1 or 0.
  explicit Pairs(at::Tensor pairs, std::int64_t high = 1) : all_2C(std::move(pairs)) {
    const at::Tensor words = all_2C.view(at::kInt).view({2, -1, 2});
    high_2C = words.select(2, high);
    low_2C = words.select(2, 1 - high);
    high_C = {high_2C.select(0, 0), high_2C.select(0, 1)};
    low_C = {low_2C.select(0, 0), low_2C.select(0, 1)};
  }
};

// What the rounds take that is the same for all counters.
struct Schedule {
  std::array<at::Tensor, 2> factor_21, offset_21;  // int64: M and 2³¹·(M - 2³²), of even rounds and of odd ones
  std::vector<at::Tensor> flip_21;                 // int32: xor of the high words before each round, and at the end

  Schedule(std::uint64_t key, at::Device device) {
    constexpr std::int64_t kM0 = 0xD2511F53, kM1 = 0xCD9E8D57;
    const auto offset = [](std::int64_t m) { return (m - (std::int64_t{1} << 32)) * (std::int64_t{1} << 31); };
    std::vector<std::int64_t> values{kM1, kM0, kM1, offset(kM1), offset(kM0), offset(kM1)};
    const auto add_flips = [&](std::uint32_t first, std::uint32_t second) {
      values.push_back(static_cast<std::int64_t>(first | std::uint64_t{second} << 32));
    };
    add_flips(kTop, kTop);
    auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
    for (std::size_t round = 0; round < kRounds; ++round, k0 += 0x9E3779B9, k1 += 0xBB67AE85) {
      const std::uint32_t at_end = round + 1 < kRounds ? 0 : kTop ^ kTops;
      round % 2 == 0 ? add_flips(k0 ^ at_end, k1 ^ at_end) : add_flips(k1, k0);
    }
    const at::Tensor all = sent(values, device), column = all.unsqueeze(1);
    factor_21 = {column.narrow(0, 0, 2), column.narrow(0, 1, 2)};
    offset_21 = {column.narrow(0, 3, 2), column.narrow(0, 4, 2)};
    flip_21 = all.slice(0, 6).view(at::kInt).view({-1, 2, 1}).unbind(0);
  }
};

// Draws of chunks [first, first + chunks), each less 2¹⁵: int16 [chunks · 128].
at::Tensor signed_draws(const Schedule& schedule, std::int64_t first, std::int64_t chunks, at::Device device) {
  const at::TensorOptions longs = at::TensorOptions(at::kLong).device(device), ints = longs.dtype(at::kInt);
  const std::int64_t counters = chunks * kCountersPerChunk, begin = first * kCountersPerChunk;
  const at::Tensor start_2C = at::zeros({2, counters}, longs);
  at::Tensor counter_C = start_2C.select(0, 1), high_2C = at::empty({2, counters}, ints);
  at::arange_out(counter_C, begin, begin + counters, 1);
  const Pairs start(start_2C, /*high=*/0);  // c0 is the low word of a counter
  std::array<Pairs, 2> buffers{Pairs(start_2C), Pairs(at::empty({2, counters}, longs))};
  for (std::size_t round = 0; round < kRounds; ++round) {
    const Pairs& from = round == 0 ? start : buffers[round % 2];
    Pairs& to = buffers[1 - round % 2];
    at::bitwise_xor_out(high_2C, from.high_2C, schedule.flip_21[round]);
    at::addcmul_out(to.all_2C, schedule.offset_21[round % 2], high_2C, schedule.factor_21[round % 2]);
    to.high_C[0].bitwise_xor_(from.low_C[1]);
    to.high_C[1].bitwise_xor_(from.low_C[0]);
  }
  const Pairs& last = buffers[kRounds % 2];
  // Of 8 counters, all of X and then all of Y; of a pair, the high word first.
  const at::Tensor draws = at::empty({counters / 8, 2, 8, 2}, ints), by_pair = draws.transpose(0, 1);
  at::Tensor first_word = by_pair.select(3, 0), second_word = by_pair.select(3, 1);
  at::bitwise_xor_out(first_word, last.high_2C.view({2, -1, 8}), schedule.flip_21[kRounds].unsqueeze(2));
  at::bitwise_xor_out(second_word, last.low_2C.view({2, -1, 8}), static_cast<std::int32_t>(kTops));
  return draws.view(at::kShort).flatten();
}

}  // namespace

at::Tensor dropout_factors_aten(const Dropout& dropout, std::int64_t rows, std::int64_t columns, at::Device device,
                                std::int64_t row_offset) {
  const BelowAutograd guard;
  const Schedule schedule(dropout.key, device);
  const std::int64_t chunks = chunks_per_row(columns), threshold = std::int64_t{dropout.threshold} - 32768;
  const std::int64_t at_once = std::max<std::int64_t>(1, kDrawsAtOnce / (chunks * kDrawsPerChunk));
  const at::Tensor scale = at::scalar_tensor(dropout.scale, at::kFloat);
  at::Tensor factors = at::empty({rows, columns}, at::TensorOptions(at::kFloat).device(device));
  for (std::int64_t row = 0; row < rows; row += at_once) {
    const std::int64_t count = std::min(at_once, rows - row);
    const at::Tensor draws = signed_draws(schedule, (row_offset + row) * chunks, count * chunks, device);
    at::Tensor part = factors.narrow(0, row, count);
    at::mul_out(part, draws.view({count, -1}).narrow(1, 0, columns).ge(threshold), scale);
  }
  return factors;
}

}  // namespace weft::nn
