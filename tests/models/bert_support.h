// Golden files of scripts/make_model_fixtures.py as packed batches, adapters and tensors.
#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "common/models/encoder.h"
#include "common/models/model.h"
#include "common/nn/packed.h"
#include "common/nn/trainable.h"

namespace weft::models {

std::filesystem::path fixture(const std::string& name);

struct Golden {
  std::map<std::string, at::Tensor> tensors;
  nn::Packed batch;
  at::Tensor labels_N;
  explicit Golden(const std::filesystem::path& file);
  // Tensors called prefix/NAME as a state dict with the model's manifest.
  StateDict state(const std::string& prefix, const std::shared_ptr<const Manifest>& manifest) const;
};

struct BertOptions {
  std::filesystem::path folder;
  std::vector<std::string> targets{"query", "value"};
  std::int64_t rank = 8;
  double adapter_dropout = 0;
  std::optional<double> base_dropout;
  at::Device device = at::kCPU;
};
std::shared_ptr<const Model> load(const BertOptions& options);
// Its encoder alone, without an adapter.
Encoder load_encoder(const BertOptions& options);
at::Tensor logits_of(const Model& model, const nn::Packed& batch, const nn::Trainable& params,
                     const ForwardMode& mode = {});

nn::Packed batch_from(const std::vector<std::vector<std::int64_t>>& sequences);
nn::Packed to_device(const nn::Packed& batch, at::Device device);
// Mean cross-entropy, differentiated into params.grad(); returns the loss.
double backward_step(const Model& bert, const nn::Packed& batch, const at::Tensor& labels_N, nn::Trainable& params,
                     RngStream* rng);
double largest_difference(const at::Tensor& a, const at::Tensor& b);
// Largest difference over the largest value of `expected`.
double relative_difference(const at::Tensor& a, const at::Tensor& expected);

}  // namespace weft::models
