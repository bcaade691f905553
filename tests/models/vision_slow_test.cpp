// The ViT and the CLIP that scripts/make_base_models.py trains, from picture files to logits and embeddings, against
// transformers with its own image processor. Both are made anew on each machine, so the reference is asked here:
// WEFT_REFERENCE_PYTHON names a Python that has it. Skips where either is absent.
#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "common/base/file.h"
#include "common/image/preprocessor.h"
#include "tests/models/vision_support.h"

namespace weft::models {
namespace {

const std::filesystem::path kSource = WEFT_SOURCE_DIR;
const std::vector<std::string> kPictures{"rgb.jpg", "grey.jpg", "kind6_8.png", "kind2_8_interlaced.png"};

class RealVisionTest : public testing::Test {
 protected:
  void find(const std::string& name) {
    folder_ = kSource / ".deps/models" / name;
    if (!std::filesystem::exists(folder_ / "model.safetensors"))
      GTEST_SKIP() << folder_ << " is not there; ./run fetch digits emoji makes it";
    if (std::getenv("WEFT_REFERENCE_PYTHON") == nullptr)
      GTEST_SKIP() << "WEFT_REFERENCE_PYTHON names no Python with transformers";
  }
  DecoderGolden reference() const {
    std::string command = "\"$WEFT_REFERENCE_PYTHON\" '" + (kSource / "scripts/make_vision_fixtures.py").string() +
                          "' --real '" + folder_.string() + "' --out '" + (place_ / "real.safetensors").string() + "'";
    for (const std::string& picture : kPictures) command += " '" + (fixtures() / "image" / picture).string() + "'";
    EXPECT_EQ(std::system((command + " 2> '" + (place_ / "errors").string() + "'").c_str()), 0)
        << command << "\n"
        << read_text(place_ / "errors").value();
    return DecoderGolden(place_ / "real");
  }
  at::Tensor pixels() const {
    const image::Preprocessor preprocessor = image::Preprocessor::load(folder_);
    const image::Size size = preprocessor.output_size().value();
    const auto values = 3 * size.height * size.width;
    at::Tensor pixels = at::empty(
        {std::ssize(kPictures), 3, static_cast<std::int64_t>(size.height), static_cast<std::int64_t>(size.width)},
        at::kFloat);
    for (std::size_t n = 0; n < kPictures.size(); ++n) {
      const MappedFile file = MappedFile::open(fixtures() / "image" / kPictures[n]).value();
      const image::Image picture = preprocessor.prepare(file.bytes()).value();
      preprocessor.normalizer().apply(picture.rgb, {pixels.mutable_data_ptr<float>() + n * values, values});
    }
    return pixels;
  }
  // Without what an adapter adds; the head is the checkpoint's own.
  std::shared_ptr<const Model> load(TaskKind task, std::size_t classes) const {
    return load_as_it_is(folder_, task, classes);
  }

  std::filesystem::path folder_;
  OwnFolder place_;
};

TEST_F(RealVisionTest, VitFromFilesToLogitsEqualsTransformers) {
  find("vit-fashion");
  if (IsSkipped()) return;
  const DecoderGolden golden = reference();
  const auto model = load(TaskKind::image_classification, 10);
  const nn::Trainable params(model->initial_state(Rng(1)), at::kCPU, false);
  EXPECT_LT(distance(model->image_logits({.tokens = {}, .pixels_N3HW = pixels()}, params, {}), golden.at("logits")),
            1e-4);
}

TEST_F(RealVisionTest, ClipFromFilesToEmbeddingsEqualsTransformers) {
  find("clip-emoji");
  if (IsSkipped()) return;
  const DecoderGolden golden = reference();
  const auto model = load(TaskKind::image_text, 0);
  const nn::Trainable params(model->initial_state(Rng(1)), at::kCPU, false);
  const Inputs inputs{.tokens = golden.inputs().tokens, .pixels_N3HW = pixels()};
  EXPECT_LT(distance(model->text_embeddings(inputs, params, {}), golden.at("text")), 1e-4);
  EXPECT_LT(distance(model->image_embeddings(inputs, params, {}), golden.at("image")), 1e-4);
}

}  // namespace
}  // namespace weft::models
