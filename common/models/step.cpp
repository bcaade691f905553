#include "common/models/step.h"

#include <ATen/ops/tensor.h>

namespace weft::models {

at::Tensor Rows::indices(const nn::Packed& batch, at::Device device) const {
  WEFT_CHECK(kind != Kind::all, "all rows have no indices");
  if (kind == Kind::chosen) return indices_R;
  std::vector<std::int64_t> rows;
  for (std::size_t n = 0; n + 1 < batch.starts.size(); ++n)
    rows.push_back(kind == Kind::first ? batch.starts[n] : batch.starts[n + 1] - 1);
  return at::tensor(rows, at::kLong).to(device);
}

}  // namespace weft::models
