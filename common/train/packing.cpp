// Fills host tensors in one pass, then moves them.
#include "common/train/packing.h"

#include <ATen/ops/empty.h>

namespace weft::train {

LabelledBatch pack(const data::EncodedDataset& data, std::span<const std::uint32_t> examples, at::Device device) {
  LabelledBatch batch;
  batch.tokens.starts.reserve(examples.size() + 1);
  batch.tokens.starts.push_back(0);
  for (const std::uint32_t example : examples)
    batch.tokens.starts.push_back(batch.tokens.starts.back() + static_cast<std::int64_t>(data.length(example)));

  const std::int64_t tokens = batch.tokens.starts.back();
  at::Tensor ids = at::empty({tokens}, at::kLong), types = at::empty({tokens}, at::kLong),
             positions = at::empty({tokens}, at::kLong),
             labels = at::empty({static_cast<std::int64_t>(examples.size())}, at::kLong);
  std::int64_t *id = ids.mutable_data_ptr<std::int64_t>(), *type = types.mutable_data_ptr<std::int64_t>(),
               *position = positions.mutable_data_ptr<std::int64_t>(), *label = labels.mutable_data_ptr<std::int64_t>();
  for (const std::uint32_t example : examples) {
    const auto first = static_cast<std::size_t>(data.starts[example]);
    for (std::size_t i = 0; i < data.length(example); ++i) {
      *id++ = data.ids[first + i];
      *type++ = data.type_ids[first + i];
      *position++ = static_cast<std::int64_t>(i);
    }
    *label++ = data.labels[example];
  }
  batch.tokens.ids_T = ids.to(device);
  batch.tokens.type_ids_T = types.to(device);
  batch.tokens.position_T = positions.to(device);
  batch.labels_N = labels.to(device);
  return batch;
}

}  // namespace weft::train
