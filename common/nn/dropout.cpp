#include "common/nn/dropout.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/mul.h>

#include <cmath>

#include "common/base/result.h"
#include "common/nn/dropout_aten.h"
#include "common/nn/parallel.h"
#include "common/nn/philox_simd.h"

namespace weft::nn {
namespace {

struct FactorKernel {
  template <int W>
  static WEFT_INLINE void run(std::uint64_t key, std::int32_t threshold, float scale, std::int64_t first_row,
                              std::int64_t rows, std::int64_t columns, float* out) {
    std::uint16_t draws[kDrawsPerChunk];
    const std::int64_t chunks = chunks_per_row(columns);
    for (std::int64_t row = 0; row < rows; ++row)
      for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
        draw_chunks<W>(key, static_cast<std::uint64_t>((first_row + row) * chunks + chunk), 1, draws);
        const std::int64_t begin = chunk * kDrawsPerChunk, end = std::min(columns, begin + kDrawsPerChunk);
        for (std::int64_t column = begin; column < end; ++column)
          out[row * columns + column] = draws[column - begin] >= threshold ? scale : 0.0F;
      }
  }
};

}  // namespace

Dropout Dropout::draw(RngStream* rng, double p) {
  WEFT_CHECK(p >= 0 && p < 1, "dropout probability " + std::to_string(p) + " is outside [0, 1)");
  Dropout dropout;
  dropout.threshold = rng == nullptr ? 0 : static_cast<std::uint32_t>(std::min(std::lround(p * 65536), 65535L));
  if (!dropout.active()) return dropout;
  dropout.key = rng->next_u64();
  dropout.scale = 65536.0F / static_cast<float>(65536 - dropout.threshold);
  return dropout;
}

at::Tensor dropout_factors(const Dropout& dropout, std::int64_t rows, std::int64_t columns, at::Device device,
                           std::int64_t row_offset) {
  if (!device.is_cpu()) return dropout_factors_aten(dropout, rows, columns, device, row_offset);
  at::Tensor factors = at::empty({rows, columns}, at::kFloat);
  float* out = factors.mutable_data_ptr<float>();
  parallel_for(rows, 1 + 4096 / (columns + 1), [&](std::int64_t begin, std::int64_t end) {
    run_kernel<FactorKernel>(dropout.key, static_cast<std::int32_t>(dropout.threshold), dropout.scale,
                             row_offset + begin, end - begin, columns, out + begin * columns);
  });
  return factors;
}

at::Tensor apply_dropout(const at::Tensor& x, const Dropout& dropout) {
  if (!dropout.active()) return x;
  return at::mul(x, dropout_factors(dropout, x.size(0), x.size(1), x.device()).to(x.scalar_type()));
}

}  // namespace weft::nn
