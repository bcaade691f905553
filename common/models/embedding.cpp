#include "common/models/embedding.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/embedding.h>

namespace weft::models {

at::Tensor Embedding::operator()(const Step& step, const at::Tensor& ids_T) const {
  if (!trained_.whole.empty()) return at::embedding(step.params.leaf(trained_.whole), ids_T, padding_);
  const at::Tensor rows_TD = at::embedding(frozen_VD_, ids_T);
  if (trained_.a_RV.empty()) return rows_TD;
  const at::Tensor a_TR = at::embedding(step.params.leaf(trained_.a_RV).t(), ids_T, padding_);
  return at::addmm(rows_TD, a_TR, step.params.leaf(trained_.b_DR).t(), 1, trained_.scale);
}

}  // namespace weft::models
