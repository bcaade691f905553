#include "common/models/embedding.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/index_select.h>

namespace weft::models {

at::Tensor Embedding::operator()(const Step& step, const at::Tensor& ids_T) const {
  if (!trained_.whole.empty()) return at::embedding(step.params.leaf(trained_.whole), ids_T);
  const at::Tensor rows_TD = at::embedding(frozen_VD_, ids_T);
  if (trained_.a_RV.empty()) return rows_TD;
  const at::Tensor a_RT = at::index_select(step.params.leaf(trained_.a_RV), 1, ids_T);
  return at::addmm(rows_TD, a_RT.t(), step.params.leaf(trained_.b_DR).t(), 1, trained_.scale);
}

}  // namespace weft::models
