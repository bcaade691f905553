// The tiny decoders of scripts/make_decoder_fixtures.py with their golden tensors.
#pragma once
#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/models/model.h"

namespace weft::models {

struct DecoderGolden {
  std::string name;
  std::map<std::string, at::Tensor> tensors;
  explicit DecoderGolden(const std::string& name);
  std::filesystem::path folder() const;
  const at::Tensor& at(const std::string& tensor) const { return tensors.at(tensor); }
  Inputs inputs() const;
  std::vector<std::int64_t> starts() const;
};

// With LoRA r=2, alpha=4 on all linear layers.
std::shared_ptr<const Model> load_decoder(const std::filesystem::path& folder, TaskKind task,
                                          at::Device device = at::kCPU);
// Every tensor by the script's formula.
StateDict drawn_state(const std::shared_ptr<const Manifest>& manifest);
// One packed batch of these token ids.
Inputs packed_inputs(const std::vector<std::vector<std::int64_t>>& sequences);
std::vector<std::int64_t> ids_of(const at::Tensor& ids);
// Rows whose successor is in their own sequence, and that successor.
struct NextTokens {
  at::Tensor rows, targets;
  explicit NextTokens(const Inputs& inputs);
};
// The loss of every token's successor inside its sequence, the mean over all of them.
at::Tensor mean_loss(const Model& model, const nn::Trainable& params, const Inputs& inputs);
double distance(const at::Tensor& a, const at::Tensor& b);

}  // namespace weft::models
