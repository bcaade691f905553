#include "tests/models/vision_support.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mm.h>
#include <gtest/gtest.h>

namespace weft::models {
namespace {

at::Tensor unit_rows(const at::Tensor& rows) {
  return rows.div(at::linalg_vector_norm(rows, 2, at::IntArrayRef{1}, true));
}

}  // namespace

at::Tensor drawn_pictures(std::int64_t count, std::int64_t side) {
  const std::vector<std::int64_t> shape{count, 3, side, side};
  StateDict drawn = drawn_state(std::make_shared<const Manifest>(Manifest::build({{"pixels", shape}}).value()));
  return at::from_blob(drawn.values.data(), shape, at::kFloat).mul(5);
}

ModelRequest vision_request(const std::filesystem::path& folder, TaskKind task) {
  return {.folder = folder,
          .task = task,
          .labels = task == TaskKind::image_text ? std::vector<std::string>{} : numbered_labels(3),
          .adapter = {.target_modules = {.names = {}, .pattern = {}, .all_linear = true}, .rank = 2, .alpha = 4}};
}

std::shared_ptr<const Model> load_vision(const std::string& name, TaskKind task) {
  return load_model(vision_request(fixture(name), task));
}

at::Tensor contrastive_scores(const Model& model, const nn::Trainable& params, const Inputs& inputs) {
  const at::Tensor text = unit_rows(model.text_embeddings(inputs, params, {})),
                   image = unit_rows(model.image_embeddings(inputs, params, {}));
  return at::mm(image, text.t()).mul(model.logit_scale(params, {}).exp());
}

at::Tensor contrastive_loss(const at::Tensor& scores) {
  const at::Tensor truth = at::arange(scores.size(0), at::kLong);
  return at::cross_entropy_loss(scores, truth).add(at::cross_entropy_loss(scores.t(), truth)).div(2);
}

void expect_gradients(const DecoderGolden& golden, const nn::Trainable& params) {
  std::size_t expected = 0;
  for (const auto& [name, tensor] : golden.tensors) expected += name.starts_with("gradient/") ? 1 : 0;
  EXPECT_EQ(params.manifest()->tensors().size(), expected) << "as many tensors are trained as PEFT trains";
  for (const TensorSpec& spec : params.manifest()->tensors()) {
    ASSERT_TRUE(golden.tensors.contains("gradient/" + spec.name)) << spec.name;
    EXPECT_LT(relative_difference(params.leaf(spec.name).grad(), golden.at("gradient/" + spec.name)), 1e-5)
        << spec.name;
  }
}

}  // namespace weft::models
