// ViT, DeiT and CLIP against transformers and PEFT: logits, embeddings and gradients of tiny random models, and batches
// against each picture and text alone.
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <gtest/gtest.h>

#include "tests/models/vision_support.h"

namespace weft::models {
namespace {

constexpr double kTolerance = 1e-5;

struct Pictures {
  const char* name;
  std::int64_t count, side, rows;  // rows: patches and special tokens
};

class ImageClassifierTest : public testing::TestWithParam<Pictures> {
 protected:
  DecoderGolden golden_{GetParam().name};
  at::Tensor pixels_ = drawn_pictures(GetParam().count, GetParam().side);
  std::shared_ptr<const Model> model_ = load_vision(GetParam().name, TaskKind::image_classification);
};

TEST_P(ImageClassifierTest, LogitsAndGradientsEqualPeft) {
  const nn::Trainable params(drawn_state(model_->manifest()), at::kCPU, true);
  const at::Tensor logits = model_->image_logits({.tokens = {}, .pixels_N3HW = pixels_}, params, {});
  EXPECT_LT(distance(logits, golden_.at("logits")), kTolerance);
  const at::Tensor loss = at::cross_entropy_loss(logits, golden_.at("labels"));
  EXPECT_NEAR(loss.item().toDouble(), golden_.at("loss").item().toDouble(), kTolerance);
  loss.backward();
  expect_gradients(golden_, params);
}

TEST_P(ImageClassifierTest, ABatchEqualsItsPicturesAlone) {
  const at::Tensor labels = golden_.at("labels");
  const nn::Trainable together(drawn_state(model_->manifest()), at::kCPU, true),
      alone(drawn_state(model_->manifest()), at::kCPU, true);
  const at::Tensor logits = model_->image_logits({.tokens = {}, .pixels_N3HW = pixels_}, together, {});
  at::cross_entropy_loss(logits, labels).backward();
  for (std::int64_t n = 0; n < pixels_.size(0); ++n) {
    const at::Tensor one = model_->image_logits({.tokens = {}, .pixels_N3HW = pixels_.narrow(0, n, 1)}, alone, {});
    EXPECT_LT(distance(one, logits.narrow(0, n, 1)), 1e-6);
    at::cross_entropy_loss(one, labels.narrow(0, n, 1)).div(pixels_.size(0)).backward();
  }
  EXPECT_LT(relative_difference(alone.grad(), together.grad()), kTolerance);
}

TEST_P(ImageClassifierTest, TakesPicturesOfOneSizeOnly) {
  EXPECT_EQ(model_->image_rows(), GetParam().rows);
  EXPECT_EQ(model_->max_positions(), 0);
  const nn::Trainable params(drawn_state(model_->manifest()), at::kCPU, false);
  const std::string side = std::to_string(GetParam().side), other = std::to_string(GetParam().side - 1);
  try {
    const at::Tensor pixels = pixels_.slice(3, 1);
    (void)model_->image_logits({.tokens = {}, .pixels_N3HW = pixels}, params, {});
    ADD_FAILURE() << "narrower pictures were taken";
  } catch (const Failure& failure) {
    const std::string message = failure.what();
    EXPECT_NE(message.find(side + "x" + other), std::string::npos) << message;
    EXPECT_NE(message.find("takes " + side + "x" + side), std::string::npos) << message;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, ImageClassifierTest,
                         testing::Values(Pictures{"vit_tiny", 7, 23, 17}, Pictures{"deit_tiny", 4, 17, 18}),
                         [](const auto& tested) { return std::string(tested.param.name); });

class ClipTest : public testing::TestWithParam<Pictures> {
 protected:
  Inputs inputs() const {
    return {.tokens = golden_.inputs().tokens, .pixels_N3HW = drawn_pictures(GetParam().count, GetParam().side)};
  }
  DecoderGolden golden_{GetParam().name};
  std::shared_ptr<const Model> model_ = load_vision(GetParam().name, TaskKind::image_text);
};

TEST_P(ClipTest, EmbeddingsEqualTransformers) {
  const nn::Trainable params(drawn_state(model_->manifest()), at::kCPU, false);
  EXPECT_LT(distance(model_->text_embeddings(inputs(), params, {}), golden_.at("text")), kTolerance);
  EXPECT_LT(distance(model_->image_embeddings(inputs(), params, {}), golden_.at("image")), kTolerance);
  EXPECT_LT(distance(model_->logit_scale(params, {}), golden_.at("logit_scale")), 1e-6);
  EXPECT_EQ(model_->image_rows(), GetParam().rows);
  EXPECT_EQ(model_->max_positions(), 12);
}

TEST_P(ClipTest, ContrastiveGradientsEqualPeft) {
  const nn::Trainable params(drawn_state(model_->manifest()), at::kCPU, true);
  const at::Tensor scores = contrastive_scores(*model_, params, inputs());
  EXPECT_LT(distance(scores, golden_.at("scores")), kTolerance);
  const at::Tensor loss = contrastive_loss(scores);
  EXPECT_NEAR(loss.item().toDouble(), golden_.at("loss").item().toDouble(), kTolerance);
  loss.backward();
  expect_gradients(golden_, params);
}

TEST_P(ClipTest, ABatchEqualsItsPartsAlone) {
  const nn::Trainable params(drawn_state(model_->manifest()), at::kCPU, false);
  const std::vector<std::int64_t> starts = golden_.starts();
  std::vector<at::Tensor> texts, pictures;
  for (std::int64_t n = 0; n + 1 < std::ssize(starts); ++n) {
    const auto at = static_cast<std::size_t>(n);
    const at::Tensor ids = golden_.at("ids").narrow(0, starts[at], starts[at + 1] - starts[at]);
    Inputs one = packed_inputs({ids_of(ids)});
    one.pixels_N3HW = inputs().pixels_N3HW.narrow(0, n, 1);
    texts.push_back(model_->text_embeddings(one, params, {}));
    pictures.push_back(model_->image_embeddings(one, params, {}));
  }
  EXPECT_LT(distance(at::cat(texts), model_->text_embeddings(inputs(), params, {})), 1e-6);
  EXPECT_LT(distance(at::cat(pictures), model_->image_embeddings(inputs(), params, {})), 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Families, ClipTest,
                         testing::Values(Pictures{"clip_tiny", 5, 19, 10}, Pictures{"clip_legacy_tiny", 3, 14, 5}),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(ClipTextTest, RefusesWhatItsTablesDoNotHave) {
  const auto model = load_vision("clip_tiny", TaskKind::image_text);
  const nn::Trainable params(drawn_state(model->manifest()), at::kCPU, false);
  EXPECT_THROW((void)model->text_embeddings(packed_inputs({{3, 50}}), params, {}), Failure);
  EXPECT_THROW((void)model->text_embeddings(packed_inputs({std::vector<std::int64_t>(13, 4)}), params, {}), Failure);
  EXPECT_NO_THROW((void)model->text_embeddings(packed_inputs({std::vector<std::int64_t>(12, 4)}), params, {}));
}

}  // namespace
}  // namespace weft::models
