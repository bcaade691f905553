#include "tests/models/bert_support.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>

#include <cstring>

#include "common/tensor/safetensors.h"

namespace weft::models {

std::filesystem::path fixture(const std::string& name) {
  return std::filesystem::path(WEFT_SOURCE_DIR) / "tests/fixtures/models" / name;
}

Golden::Golden(const std::filesystem::path& file) {
  const Safetensors opened = Safetensors::open(file).value();
  for (const auto& [name, view] : opened.tensors()) {
    const at::ScalarType type = view.dtype == DType::i64 ? at::kLong : at::kFloat;
    tensors[name] = at::from_blob(const_cast<std::uint8_t*>(view.bytes.data()), view.shape, type).clone();
  }
  const at::Tensor& starts = tensors.at("starts");
  std::vector<at::Tensor> positions;
  for (std::int64_t i = 0; i < starts.numel(); ++i) batch.starts.push_back(starts[i].item().toLong());
  for (std::size_t n = 0; n + 1 < batch.starts.size(); ++n)
    positions.push_back(at::arange(batch.starts[n + 1] - batch.starts[n], at::kLong));
  batch.ids_T = tensors.at("ids");
  batch.type_ids_T = tensors.at("types");
  batch.position_T = at::cat(positions);
  labels_N = tensors.at("labels");
}

StateDict Golden::state(const std::string& prefix, const std::shared_ptr<const Manifest>& manifest) const {
  StateDict state = StateDict::zeros(manifest);
  for (const TensorSpec& spec : manifest->tensors()) {
    const at::Tensor& from = tensors.at(prefix + "/" + spec.name);
    WEFT_CHECK(from.sizes() == at::IntArrayRef(spec.shape), spec.name);
    std::memcpy(state.tensor(spec.name).data(), from.const_data_ptr(), spec.size * sizeof(float));
  }
  return state;
}

std::shared_ptr<const Model> load(const BertOptions& options) {
  return load_model({.folder = options.folder,
                     .labels = {"negative", "positive"},
                     .adapter = {.target_modules = {.names = options.targets},
                                 .rank = options.rank,
                                 .alpha = 2.0 * static_cast<double>(options.rank),
                                 .dropout = options.adapter_dropout},
                     .base_dropout = options.base_dropout,
                     .device = options.device});
}

Encoder load_encoder(const BertOptions& options) {
  const Checkpoint checkpoint(options.folder);
  const ModelRequest request{.folder = options.folder, .labels = {"a", "b"}, .base_dropout = options.base_dropout};
  ModelBuilder builder(checkpoint, request, *family_named("bert"));
  return {builder, bert_encoder_config(builder), bert_encoder_names("bert.")};
}

at::Tensor logits_of(const Model& model, const nn::Packed& batch, const nn::Trainable& params,
                     const ForwardMode& mode) {
  return model.sequence_logits({batch, {}}, params, mode);
}

nn::Packed batch_from(const std::vector<std::vector<std::int64_t>>& sequences) {
  std::vector<std::int64_t> ids, positions;
  nn::Packed batch;
  batch.starts.push_back(0);
  for (const auto& sequence : sequences) {
    for (std::size_t i = 0; i < sequence.size(); ++i) positions.push_back(static_cast<std::int64_t>(i));
    ids.insert(ids.end(), sequence.begin(), sequence.end());
    batch.starts.push_back(static_cast<std::int64_t>(ids.size()));
  }
  batch.ids_T = at::tensor(ids, at::kLong);
  batch.position_T = at::tensor(positions, at::kLong);
  batch.type_ids_T = at::zeros_like(batch.ids_T);
  return batch;
}

nn::Packed to_device(const nn::Packed& batch, at::Device device) {
  return {batch.ids_T.to(device), batch.type_ids_T.to(device), batch.position_T.to(device), batch.starts};
}

double backward_step(const Model& bert, const nn::Packed& batch, const at::Tensor& labels_N, nn::Trainable& params,
                     RngStream* rng) {
  params.zero_grad();
  const at::Tensor loss = at::cross_entropy_loss(logits_of(bert, batch, params, {rng}), labels_N);
  loss.backward();
  return loss.item().toDouble();
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return a.to(at::kDouble).sub(b.to(at::kDouble)).abs().max().item().toDouble();
}

double relative_difference(const at::Tensor& a, const at::Tensor& expected) {
  return largest_difference(a, expected) / expected.abs().max().item().toDouble();
}

}  // namespace weft::models
