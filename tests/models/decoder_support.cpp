#include "tests/models/decoder_support.h"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor.h>

#include "common/base/bytes.h"
#include "common/base/digest.h"
#include "common/tensor/safetensors.h"

namespace weft::models {
namespace {

std::filesystem::path fixtures() { return std::filesystem::path(WEFT_SOURCE_DIR) / "tests/fixtures/models"; }

// As `drawn` of the script.
void draw(const std::string& name, std::span<float> values) {
  const std::string hex = sha256_hex({reinterpret_cast<const std::uint8_t*>(name.data()), name.size()});
  std::uint64_t state = 0;
  for (std::size_t byte = 8; byte-- > 0;) state = state << 8 | std::stoul(hex.substr(2 * byte, 2), nullptr, 16);
  for (float& value : values) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    value = static_cast<float>((static_cast<double>(state >> 40) / (1 << 23) - 1) * 0.2);
  }
}

}  // namespace

DecoderGolden::DecoderGolden(const std::string& named) : name(named) {
  const Safetensors opened = Safetensors::open(fixtures() / (name + ".safetensors")).value();
  for (const auto& [tensor, view] : opened.tensors()) {
    const at::ScalarType type = view.dtype == DType::i64 ? at::kLong : at::kFloat;
    tensors[tensor] = at::from_blob(const_cast<std::uint8_t*>(view.bytes.data()), view.shape, type).clone();
  }
}

std::filesystem::path DecoderGolden::folder() const { return fixtures() / name; }
std::vector<std::int64_t> DecoderGolden::starts() const { return ids_of(at("starts")); }

Inputs DecoderGolden::inputs() const {
  std::vector<std::vector<std::int64_t>> sequences;
  const std::vector<std::int64_t> offsets = starts();
  for (std::size_t n = 0; n + 1 < offsets.size(); ++n)
    sequences.push_back(ids_of(at("ids").narrow(0, offsets[n], offsets[n + 1] - offsets[n])));
  return packed_inputs(sequences);
}

std::shared_ptr<const Model> load_decoder(const std::filesystem::path& folder, TaskKind task, at::Device device) {
  const bool classifies = task != TaskKind::causal_lm;
  return load_model({.folder = folder,
                     .task = task,
                     .labels = classifies ? std::vector<std::string>{"a", "b", "c"} : std::vector<std::string>{},
                     .adapter = {.target_modules = {.all_linear = true}, .rank = 2, .alpha = 4},
                     .device = device});
}

StateDict drawn_state(const std::shared_ptr<const Manifest>& manifest) {
  StateDict state = StateDict::zeros(manifest);
  for (const TensorSpec& spec : manifest->tensors()) draw(spec.name, state.tensor(spec.name));
  return state;
}

Inputs packed_inputs(const std::vector<std::vector<std::int64_t>>& sequences) {
  std::vector<std::int64_t> ids, positions;
  Inputs inputs;
  inputs.tokens.starts = {0};
  for (const auto& sequence : sequences) {
    for (std::int64_t i = 0; i < std::ssize(sequence); ++i) positions.push_back(i);
    ids.insert(ids.end(), sequence.begin(), sequence.end());
    inputs.tokens.starts.push_back(std::ssize(ids));
  }
  inputs.tokens.ids_T = at::tensor(ids, at::kLong);
  inputs.tokens.position_T = at::tensor(positions, at::kLong);
  return inputs;
}

std::vector<std::int64_t> ids_of(const at::Tensor& ids) {
  const at::Tensor dense = ids.contiguous();
  return {dense.const_data_ptr<std::int64_t>(), dense.const_data_ptr<std::int64_t>() + dense.numel()};
}

NextTokens::NextTokens(const Inputs& inputs) {
  const std::vector<std::int64_t> ids = ids_of(inputs.tokens.ids_T);
  std::vector<std::int64_t> from, to;
  for (std::size_t n = 0; n + 1 < inputs.tokens.starts.size(); ++n)
    for (std::int64_t t = inputs.tokens.starts[n]; t + 1 < inputs.tokens.starts[n + 1]; ++t) {
      from.push_back(t);
      to.push_back(ids[static_cast<std::size_t>(t + 1)]);
    }
  rows = at::tensor(from, at::kLong);
  targets = at::tensor(to, at::kLong);
}

at::Tensor mean_loss(const Model& model, const nn::Trainable& params, const Inputs& inputs) {
  const NextTokens next(inputs);
  const at::Tensor states = model.language_states(inputs, params, {}, Rows::chosen(next.rows));
  return model.language_losses(states, next.targets, params, {}).mean();
}

double distance(const at::Tensor& a, const at::Tensor& b) {
  return a.to(at::kDouble).sub(b.to(at::kDouble)).abs().max().item().toDouble();
}

}  // namespace weft::models
