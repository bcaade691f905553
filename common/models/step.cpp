#include "common/models/step.h"

#include "common/nn/host_copy.h"

namespace weft::models {

at::Tensor Rows::indices(const nn::Packed& batch, at::Device device) const {
  WEFT_CHECK(kind != Kind::all, "all rows have no indices");
  if (kind == Kind::chosen) return indices_R;
  const at::Tensor starts = nn::sent(batch.starts, device);
  return kind == Kind::first ? starts.narrow(0, 0, batch.sequences()) : starts.narrow(0, 1, batch.sequences()).sub(1);
}

}  // namespace weft::models
