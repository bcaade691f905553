// Schedules, optimizers and clipping against the numbers of transformers and torch.optim.
#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <cmath>

#include "common/train/optimizer.h"
#include "common/train/schedule.h"
#include "tests/train/train_support.h"

namespace weft::train {
namespace {

TEST(ScheduleTest, RatesAreThoseOfTransformers) {
  for (const auto& expected : golden("schedules")) {
    const std::string kind = expected.at("kind");
    const TrainConfig config{.learning_rate = 1e-3,
                             .schedule = kind == "linear"   ? Schedule::linear
                                         : kind == "cosine" ? Schedule::cosine
                                                            : Schedule::constant,
                             .warmup_ratio = expected.at("warmup_ratio")};
    const std::uint64_t total = expected.at("total");
    for (std::uint64_t step = 0; step < total; ++step)
      EXPECT_NEAR(learning_rate_at(config, step, total), expected.at("rates").at(step).get<double>(), 1e-15)
          << kind << " step " << step << " of " << total;
  }
}

StateDict state_with(const std::shared_ptr<const Manifest>& manifest, const nlohmann::json& values) {
  return {.manifest = manifest, .values = values.get<std::vector<float>>()};
}

void set_gradient(nn::Trainable& params, const nlohmann::json& values) {
  const auto gradient = values.get<std::vector<float>>();
  float* to = params.grad().mutable_data_ptr<float>();
  std::copy(gradient.begin(), gradient.end(), to);
}

void expect_optimizer(const std::string& name, TrainConfig config) {
  const auto manifest =
      std::make_shared<const Manifest>(Manifest::build({{"layer.bias", {3}}, {"layer.weight", {2, 3}}}).value());
  const nlohmann::json expected = golden("optimizers").at(name);
  nn::Trainable params(state_with(manifest, expected.at("start")), at::kCPU, true);
  config.weight_decay = 0.1;
  const auto optimizer = make_optimizer(config, params);
  for (std::size_t step = 0; step < expected.at("rates").size(); ++step) {
    set_gradient(params, expected.at("gradients").at(step));
    optimizer->step(expected.at("rates").at(step));
    const StateDict after_step = params.to_state_dict();
    for (std::size_t i = 0; i < after_step.values.size(); ++i)
      EXPECT_NEAR(after_step.values[i], expected.at("values").at(step).at(i).get<double>(), 1e-6)
          << name << ", step " << step << ", value " << i;
  }
}

TEST(OptimizerTest, AdamWIsTorchs) {
  expect_optimizer("adamw", {.optimizer = OptimizerKind::adamw, .beta1 = 0.8, .beta2 = 0.99, .epsilon = 1e-6});
}

TEST(OptimizerTest, SgdIsTorchs) { expect_optimizer("sgd", {.optimizer = OptimizerKind::sgd}); }

// By name and rank as PEFT groups them: B and vectors faster, embeddings at 1e-6.
TEST(OptimizerTest, LoraPlusMovesBAndVectorsFaster) {
  const auto manifest = std::make_shared<const Manifest>(Manifest::build({{"x.bias", {1}},
                                                                          {"x.lora_A.weight", {1, 1}},
                                                                          {"x.lora_B.weight", {1, 1}},
                                                                          {"x.lora_embedding_A", {1, 1}},
                                                                          {"x.lora_magnitude_vector", {1}},
                                                                          {"x.weight", {1, 1}}})
                                                             .value());
  for (const auto kind : {OptimizerKind::sgd, OptimizerKind::adamw}) {
    nn::Trainable params(StateDict::zeros(manifest), at::kCPU, true);
    params.grad().fill_(1);
    make_optimizer({.optimizer = kind, .learning_rate = 0.2, .lora_plus_ratio = 4}, params)->step(0.1);
    const std::vector<double> expected{-0.4, -0.1, -0.4, -0.5e-6, -0.4, -0.1};
    const StateDict after = params.to_state_dict();
    for (std::size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(after.values[i], expected[i], 1e-6 * std::abs(expected[i]) + 1e-9) << manifest->tensors()[i].name;
  }
}

TEST(OptimizerTest, BiasesAndNormsDoNotDecay) {
  for (const char* name :
       {"classifier.bias", "encoder.layer.0.attention.output.LayerNorm.weight", "model.norm.weight",
        "layers.3.input_layernorm.weight", "q_norm.weight", "transformer.h.0.ln_1.weight",
        "transformer.h.0.ln_2.weight", "transformer.ln_f.weight", "vit.encoder.layer.0.layernorm_before.weight",
        "layer.0.layernorm_after.weight", "vit.layernorm.weight", "layers.0.layer_norm1.weight",
        "layers.0.layer_norm2.weight", "vision_model.pre_layrnorm.weight", "vision_model.post_layernorm.weight",
        "text_model.final_layer_norm.weight", "transformer.layer.0.sa_layer_norm.weight", "self_attn.k_norm.weight"})
    EXPECT_FALSE(decays(name)) << name;
  for (const char* name : {"classifier.weight", "query.lora_A.weight", "value.lora_B.weight", "normalizer.weight"})
    EXPECT_TRUE(decays(name)) << name;
}

TEST(ClipGradientTest, IsTorchs) {
  const auto manifest = std::make_shared<const Manifest>(Manifest::build({{"a", {4}}, {"b", {5}}}).value());
  for (const auto& expected : golden("clippings")) {
    nn::Trainable params(StateDict::zeros(manifest), at::kCPU, true);
    set_gradient(params, expected.at("gradient"));
    EXPECT_NEAR(clip_gradient(params, expected.at("max_norm")), expected.at("norm").get<double>(), 1e-6);
    const float* clipped = params.grad().const_data_ptr<float>();
    for (std::size_t i = 0; i < 9; ++i) EXPECT_NEAR(clipped[i], expected.at("clipped").at(i).get<double>(), 1e-6);
    set_gradient(params, expected.at("gradient"));
    EXPECT_NEAR(clip_gradient(params, 0), expected.at("norm").get<double>(), 1e-6);
    EXPECT_EQ(params.grad().const_data_ptr<float>()[3], expected.at("gradient").at(3).get<float>());
  }
}

}  // namespace
}  // namespace weft::train
