// Fills host tensors in one pass, then moves them.
#include "common/train/batch.h"

#include <vector>

#include "common/nn/host_copy.h"

namespace weft::train {
namespace {

using Examples = std::span<const std::uint32_t>;

template <class T>
at::Tensor tensor_of(const std::vector<T>& values, at::IntArrayRef shape, at::ScalarType type, at::Device device) {
  const at::Tensor host = nn::host_tensor(shape, type, device);
  std::copy(values.begin(), values.end(), host.mutable_data_ptr<T>());
  return nn::sent(host, device);
}

void add_tokens(Batch& batch, const data::EncodedDataset& data, Examples examples, at::Device device) {
  nn::Packed& packed = batch.inputs.tokens;
  packed.starts = {0};
  packed.starts.reserve(examples.size() + 1);
  for (const std::uint32_t example : examples)
    packed.starts.push_back(packed.starts.back() + static_cast<std::int64_t>(data.length(example)));
  const std::int64_t tokens = packed.starts.back();
  const auto row = [&] { return nn::host_tensor({tokens}, at::kLong, device); };
  const at::Tensor ids = row(), types = row(), positions = row();
  std::int64_t *id = ids.mutable_data_ptr<std::int64_t>(), *type = types.mutable_data_ptr<std::int64_t>(),
               *position = positions.mutable_data_ptr<std::int64_t>();
  for (const std::uint32_t example : examples) {
    const auto first = static_cast<std::size_t>(data.starts[example]);
    for (std::size_t i = 0; i < data.length(example); ++i) {
      *id++ = data.ids[first + i];
      *type++ = data.type_ids[first + i];
      *position++ = static_cast<std::int64_t>(i);
    }
  }
  packed.ids_T = nn::sent(ids, device);
  packed.type_ids_T = nn::sent(types, device);
  packed.position_T = nn::sent(positions, device);
}

void add_token_labels(Batch& batch, const data::EncodedDataset& data, Examples examples, at::Device device) {
  std::vector<std::int64_t> learned, labels;
  for (std::size_t n = 0; n < examples.size(); ++n) {
    const std::span<const std::int32_t> of_example = data.token_labels_of(examples[n]);
    for (std::size_t i = 0; i < of_example.size(); ++i) {
      if (of_example[i] == data::kNoLoss) continue;
      learned.push_back(batch.inputs.tokens.starts[n] + static_cast<std::int64_t>(i));
      labels.push_back(of_example[i]);
    }
  }
  const auto count = static_cast<std::int64_t>(learned.size());
  batch.learned_R = tensor_of(learned, {count}, at::kLong, device);
  batch.token_labels_R = tensor_of(labels, {count}, at::kLong, device);
}

void add_pixels(Batch& batch, const data::EncodedImages& images, Examples examples, at::Device device) {
  const auto height = static_cast<std::int64_t>(images.height), width = static_cast<std::int64_t>(images.width);
  const at::Tensor pixels = nn::host_tensor({batch.examples, 3, height, width}, at::kFloat, device);
  const std::span<float> values(pixels.mutable_data_ptr<float>(), static_cast<std::size_t>(pixels.numel()));
  for (std::size_t n = 0; n < examples.size(); ++n)
    images.pixels_of(examples[n], values.subspan(n * images.picture_bytes(), images.picture_bytes()));
  batch.inputs.pixels_N3HW = nn::sent(pixels, device);
}

// One value, or a row of `columns` of them, of each example.
template <class To, class From>
at::Tensor rows_of(const std::vector<From>& values, Examples examples, std::int64_t columns, at::ScalarType type,
                   at::Device device) {
  std::vector<To> rows;
  rows.reserve(examples.size() * static_cast<std::size_t>(columns));
  for (const std::uint32_t example : examples)
    for (std::int64_t c = 0; c < columns; ++c)
      rows.push_back(
          static_cast<To>(values[example * static_cast<std::size_t>(columns) + static_cast<std::size_t>(c)]));
  const auto count = static_cast<std::int64_t>(examples.size());
  if (columns == 1) return tensor_of(rows, {count}, type, device);
  return tensor_of(rows, {count, columns}, type, device);
}

}  // namespace

Batch make_batch(const data::EncodedDataset& data, Examples examples, at::Device device) {
  Batch batch{.examples = static_cast<std::int64_t>(examples.size())};
  if (data.starts.size() > 1) add_tokens(batch, data, examples, device);
  if (!data.token_labels.empty()) add_token_labels(batch, data, examples, device);
  if (data.images.size() > 0) add_pixels(batch, data.images, examples, device);
  if (!data.labels.empty()) batch.labels_N = rows_of<std::int64_t>(data.labels, examples, 1, at::kLong, device);
  if (!data.targets.empty()) batch.targets_N = rows_of<float>(data.targets, examples, 1, at::kFloat, device);
  if (!data.label_vectors.empty()) {
    const auto columns = static_cast<std::int64_t>(data.label_vectors.size() / data.size());
    batch.label_vectors_NC =
        rows_of<float>(data.label_vectors, examples, columns, at::kFloat, device).view({batch.examples, columns});
  }
  return batch;
}

}  // namespace weft::train
