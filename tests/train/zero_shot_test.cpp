// Pictures to classes by name, against the same worked out one picture and one prompt at a time.
#include "common/train/zero_shot.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/dot.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/result.h"
#include "common/metrics/confusion.h"
#include "tests/train/train_support.h"

namespace weft::train {
namespace {

using testing::ElementsAre;

data::EncodedDataset prompts_of(std::size_t count) {
  RngStream random = Rng(5).stream("prompts");
  data::EncodedDataset data;
  for (std::size_t n = 0; n < count; ++n) {
    for (std::size_t i = 2 + random.below(7); i > 0; --i)
      data.ids.push_back(static_cast<std::int32_t>(random.below(48)));
    data.ids.push_back(49);  // the end token, where CLIP reads
    data.starts.push_back(static_cast<std::int64_t>(data.ids.size()));
  }
  data.type_ids.resize(data.ids.size());
  return data;
}

data::EncodedDataset pictures_of(std::size_t count, std::size_t classes) {
  RngStream random = Rng(6).stream("pictures");
  data::EncodedDataset data;
  data.images.height = data.images.width = 19;
  for (auto& channel : data.images.normalizer.value)
    for (std::size_t byte = 0; byte < 256; ++byte) channel[byte] = static_cast<float>(byte) / 60 - 2;
  for (std::size_t n = 0; n < count; ++n) {
    const std::size_t tone = random.below(200);
    for (std::size_t i = 0; i < data.images.picture_bytes(); ++i)
      data.images.rgb.push_back(static_cast<std::uint8_t>(tone + random.below(56)));
    data.labels.push_back(static_cast<std::int32_t>(random.below(classes)));
  }
  return data;
}

TEST(ZeroShotTest, IsTheNearestMeanOfAClasssPrompts) {
  constexpr std::size_t kClasses = 4, kTemplates = 3;
  const auto task = make_task({.kind = TaskKind::image_text},
                              models::load_model({.folder = fixture("models/clip_tiny"),
                                                  .task = TaskKind::image_text,
                                                  .labels = {},
                                                  .adapter = {.target_modules = {.all_linear = true}}}));
  const data::EncodedDataset prompts = prompts_of(kClasses * kTemplates), pictures = pictures_of(40, kClasses);
  const StateDict adapter = task->model().initial_state(Rng(3));

  const at::NoGradGuard no_grad;
  const nn::Trainable params(adapter, at::kCPU, false);
  const auto unit = [](const at::Tensor& x) { return x.div(x.norm()); };
  std::vector<at::Tensor> classes(kClasses);
  for (std::uint32_t i = 0; i < prompts.size(); ++i) {
    const Batch batch = make_batch(prompts, {&i, 1}, at::kCPU);
    const at::Tensor one = unit(task->model().text_embeddings(batch.inputs, params, {})[0]);
    at::Tensor& sum = classes[i / kTemplates];
    sum = sum.defined() ? sum.add(one) : one;
  }
  metrics::ConfusionMatrix expected(kClasses);
  for (std::uint32_t i = 0; i < pictures.size(); ++i) {
    const Batch batch = make_batch(pictures, {&i, 1}, at::kCPU);
    const at::Tensor picture = task->model().image_embeddings(batch.inputs, params, {})[0];
    std::size_t best = 0;
    std::vector<double> near;
    for (const at::Tensor& sum : classes) near.push_back(at::dot(picture, unit(sum)).item<double>());
    for (std::size_t c = 0; c < kClasses; ++c) best = near[c] > near[best] ? c : best;
    expected.add(static_cast<std::size_t>(pictures.labels[i]), best);
  }

  for (const std::uint64_t batch_tokens : {30U, 4096U}) {
    const Score score = evaluate_zero_shot(*task, adapter, prompts, kClasses, pictures, {.batch_tokens = batch_tokens});
    EXPECT_EQ(score.tally.parts.at("confusion"), expected.counts());
    EXPECT_EQ(score.examples, 40U);
  }
  std::size_t guessed = 0;
  for (std::size_t c = 0; c < kClasses; ++c) {
    double all = 0;
    for (std::size_t label = 0; label < kClasses; ++label) all += expected.count(label, c);
    guessed += all > 0 ? 1 : 0;
  }
  EXPECT_GT(guessed, 1U) << "the test tells nothing where all pictures are of one class";
}

TEST(ZeroShotTest, PutsEachLabelIntoEachTemplate) {
  EXPECT_THAT(zero_shot_prompts({"cat", "dog"}, {"a photo of a {}", "{}!"}),
              ElementsAre("a photo of a cat", "cat!", "a photo of a dog", "dog!"));
  EXPECT_THROW(zero_shot_prompts({"cat"}, {"a photo"}), ConfigError);
  EXPECT_THROW(zero_shot_prompts({"cat"}, {}), ConfigError);
}

}  // namespace
}  // namespace weft::train
