// The product of a few rows with a weight, as generation needs it for each token: the weight streams through once, at
// the speed of memory, which a general matrix product does not reach for one row.
#pragma once
#include <ATen/core/Tensor.h>

namespace weft::nn {

// Whether few_rows_product takes it: fp32 on the CPU, at most 8 rows, dense, features a multiple of 16.
bool has_few_rows(const at::Tensor& x_TI, const at::Tensor& weight_OI);
// x·Wᵀ, [T, O]. Not differentiable.
at::Tensor few_rows_product(const at::Tensor& x_TI, const at::Tensor& weight_OI);

}  // namespace weft::nn
