// Dropout whose mask is a function of a key and an element's place, never of a process-wide generator, a thread count
// or a device: element (row, column) keeps its value when a 16-bit draw of Philox4x32-7 is at or above p·65536.
// Kept values are scaled by the inverse of the keep probability as rounded to 1/65536, so the mean is exact.
// Source: Srivastava et al. 2014, "Dropout"; Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "common/base/rng.h"

namespace weft::nn {

struct Dropout {
  std::uint64_t key = 0;
  std::uint32_t threshold = 0;  // draws below it are dropped; 0 means no dropout
  float scale = 1;              // of what is kept

  bool active() const { return threshold != 0; }
  // The next dropout of a step: takes one key from `rng`. Inactive when rng is null (evaluation) or p is 0.
  // p in [0, 1).
  static Dropout draw(RngStream* rng, double p);
};

// The factors (0 or scale) of a [rows, columns] block of rows `row_offset`..., fp32 on `device`. What the fused
// kernels use without storing it; for devices without such kernels and for tests.
at::Tensor dropout_factors(const Dropout& dropout, std::int64_t rows, std::int64_t columns, at::Device device,
                           std::int64_t row_offset = 0);

// x [rows, columns] times its factors; differentiable. x itself when inactive.
at::Tensor apply_dropout(const at::Tensor& x, const Dropout& dropout);

}  // namespace weft::nn
