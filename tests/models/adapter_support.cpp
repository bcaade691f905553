#include "tests/models/adapter_support.h"

#include <ATen/ops/cross_entropy_loss.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>

#include "common/base/file.h"
#include "common/tensor/safetensors.h"

namespace weft::models {

std::filesystem::path fixtures() { return std::filesystem::path(WEFT_SOURCE_DIR) / "tests/fixtures"; }

std::vector<std::string> numbered_labels(std::size_t count) {
  std::vector<std::string> labels;
  for (std::size_t i = 0; i < count; ++i) labels.push_back("c" + std::to_string(i));
  return labels;
}

AdapterGolden::AdapterGolden(const std::filesystem::path& folder)
    : peft(checkpoint::read_peft_folder(folder).value()), golden(folder / "golden.safetensors") {}

std::shared_ptr<const Model> AdapterGolden::load(const std::filesystem::path& base, TaskKind task,
                                                 std::size_t classes) const {
  return load_model({.folder = base,
                     .task = task,
                     .labels = numbered_labels(classes),
                     .adapter = peft.config.adapter,
                     .base_dropout = 0});
}

OwnFolder::OwnFolder() {
  std::string name = testing::TempDir() + "weftXXXXXX";
  path_ = ::mkdtemp(name.data());
}
OwnFolder::~OwnFolder() { std::filesystem::remove_all(path_); }

void copy_in_fp32(const std::filesystem::path& base, const std::filesystem::path& to) {
  std::filesystem::create_directories(to);
  std::filesystem::copy_file(base / "config.json", to / "config.json");
  const Bytes image = to_safetensors(state_dict_from(Safetensors::open(base).value()).value());
  if (!write_atomic(to / "model.safetensors", image)) FAIL() << "cannot write to " << to;
}

std::shared_ptr<const Model> load_as_it_is(const std::filesystem::path& folder, TaskKind task, std::size_t classes) {
  AdapterConfig adapter{.target_modules = {.names = {}, .pattern = {}, .all_linear = true}};
  adapter.modules_to_save.emplace();
  return load_model(
      {.folder = folder, .task = task, .labels = numbered_labels(classes), .adapter = adapter, .base_dropout = 0});
}

at::Tensor logits_for_task(const Model& model, const nn::Packed& batch, const nn::Trainable& params,
                           const ForwardMode& mode) {
  if (model.task() == TaskKind::token_classification) return model.token_logits({batch, {}}, params, mode);
  if (model.task() == TaskKind::causal_lm)
    return model.language_logits(model.language_states({batch, {}}, params, mode, Rows::all()), params, mode);
  return model.sequence_logits({batch, {}}, params, mode);
}

void expect_golden(const AdapterGolden& expected, const Model& model) {
  constexpr double kTolerance = 1e-5;
  ASSERT_EQ(*model.manifest(), *expected.peft.state.manifest);
  nn::Trainable params(expected.peft.state, at::kCPU, true);
  const at::Tensor logits = logits_for_task(model, expected.golden.batch, params);
  const at::Tensor& wanted = expected.golden.tensors.at("logits");
  ASSERT_EQ(logits.sizes(), wanted.sizes());
  EXPECT_LT(largest_difference(logits, wanted), kTolerance);
  at::cross_entropy_loss(logits, expected.golden.labels_N).backward();
  const auto specs = params.manifest()->tensors();
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const at::Tensor& gradient = expected.golden.tensors.at("gradient/" + specs[i].name);
    // The bias of keys moves no softmax: its gradient is zero but for rounding.
    const double size = std::max(gradient.abs().max().item().toDouble(), 1e-3);
    EXPECT_LT(largest_difference(params.leaves()[i].grad(), gradient.view(specs[i].shape)), kTolerance * size)
        << specs[i].name;
  }
}

}  // namespace weft::models
