// Matrix products of the size of one attention head, where a call to a BLAS costs more than the product.
#pragma once
#include <cstdint>

#include "common/nn/simd.h"

namespace weft::nn {

struct Strided {  // element (row, column) at data[row·rows + column·columns]: a matrix or its transpose
  const float* data;
  std::int64_t rows, columns;
};

template <int W, int R, int C>
WEFT_INLINE void gemm_tile(Strided a, const float* b, std::int64_t ldb, float* c, std::int64_t ldc, std::int64_t depth,
                           bool accumulate) {
  using S = Simd<W>;
  typename S::Vec sum[R][C];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < C; ++v) sum[r][v] = accumulate ? S::load(c + r * ldc + v * W) : typename S::Vec{};
  for (std::int64_t k = 0; k < depth; ++k) {
    typename S::Vec right[C];
    for (int v = 0; v < C; ++v) right[v] = S::load(b + k * ldb + v * W);
    for (int r = 0; r < R; ++r) {
      const typename S::Vec left = S::all(a.data[r * a.rows + k * a.columns]);
      for (int v = 0; v < C; ++v) sum[r][v] += left * right[v];
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < C; ++v) S::store(c + r * ldc + v * W, sum[r][v]);
}

// A column of tiles: full ones of R rows, then what is left with a smaller tile.
template <int W, int R, int C>
WEFT_INLINE void gemm_rows(std::int64_t rows, Strided a, const float* b, std::int64_t ldb, float* c, std::int64_t ldc,
                           std::int64_t depth, bool accumulate) {
  std::int64_t r = 0;
  for (; r + R <= rows; r += R)
    gemm_tile<W, R, C>({a.data + r * a.rows, a.rows, a.columns}, b, ldb, c + r * ldc, ldc, depth, accumulate);
  if constexpr (R > 1)
    if (r < rows)
      gemm_rows<W, (R > 2 ? R / 2 : 1), C>(rows - r, {a.data + r * a.rows, a.rows, a.columns}, b, ldb, c + r * ldc, ldc,
                                           depth, accumulate);
}

// C[rows, columns] (+)= A[rows, depth]·B[depth, columns]; columns a multiple of 16.
template <int W>
WEFT_INLINE void small_gemm(std::int64_t rows, std::int64_t columns, std::int64_t depth, Strided a, const float* b,
                            std::int64_t ldb, float* c, std::int64_t ldc, bool accumulate) {
  constexpr int kRows = W == 4 ? 2 : 6;
  std::int64_t n = 0;
  if constexpr (W == 16)
    for (; n + 32 <= columns; n += 32) gemm_rows<W, kRows, 2>(rows, a, b + n, ldb, c + n, ldc, depth, accumulate);
  for (; n < columns; n += 16) gemm_rows<W, kRows, 16 / W>(rows, a, b + n, ldb, c + n, ldc, depth, accumulate);
}

}  // namespace weft::nn
