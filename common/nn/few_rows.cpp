#include "common/nn/few_rows.h"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "common/nn/autograd.h"
#include "common/nn/parallel.h"
#include "common/nn/simd.h"

namespace weft::nn {
namespace {

constexpr std::int64_t kMostRows = 8;
constexpr int kOutputs = 4;  // at once: enough sums in flight to hide the latency of one

struct Product {
  const float *x, *weight;
  float* y;
  std::int64_t rows, in, out;
};

// Outputs [begin, end): four rows of the weight meet every row of x while they are in the first-level cache.
struct FewRowsKernel {
  template <int W>
  static WEFT_INLINE void run(const Product* product, std::int64_t begin, std::int64_t end) {
    const Product& p = *product;
    std::int64_t o = begin;
    for (; o + kOutputs <= end; o += kOutputs)
      for (std::int64_t row = 0; row < p.rows; ++row) dots<W, kOutputs>(p, row, o);
    for (; o < end; ++o)
      for (std::int64_t row = 0; row < p.rows; ++row) dots<W, 1>(p, row, o);
  }

  template <int W, int N>
  static WEFT_INLINE void dots(const Product& p, std::int64_t row, std::int64_t output) {
    using S = Simd<W>;
    const float *x = p.x + row * p.in, *w = p.weight + output * p.in;
    typename S::Vec sums[N];
    for (int n = 0; n < N; ++n) sums[n] = typename S::Vec{};
    for (std::int64_t i = 0; i < p.in; i += W)
      for (int n = 0; n < N; ++n) sums[n] += S::load(w + n * p.in + i) * S::load(x + i);
    for (int n = 0; n < N; ++n) p.y[row * p.out + output + n] = S::sum(sums[n]);
  }
};

}  // namespace

bool has_few_rows(const at::Tensor& x_TI, const at::Tensor& weight_OI) {
  return x_TI.size(0) <= kMostRows && fusable(x_TI) && fusable(weight_OI);
}

at::Tensor few_rows_product(const at::Tensor& x_TI, const at::Tensor& weight_OI) {
  at::Tensor y = at::empty({x_TI.size(0), weight_OI.size(0)}, x_TI.options());
  const Product product{x_TI.const_data_ptr<float>(),
                        weight_OI.const_data_ptr<float>(),
                        y.mutable_data_ptr<float>(),
                        x_TI.size(0),
                        x_TI.size(1),
                        weight_OI.size(0)};
  parallel_for(product.out, 1 + 65536 / product.in,
               [&](std::int64_t begin, std::int64_t end) { run_kernel<FewRowsKernel>(&product, begin, end); });
  return y;
}

}  // namespace weft::nn
