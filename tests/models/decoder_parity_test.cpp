// Every decoder family against transformers and PEFT: logits, gradients, heads and generated tokens of tiny random
// models, and packed sequences against each alone.
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/base/file.h"
#include "common/models/generation.h"
#include "tests/models/adapter_support.h"
#include "tests/models/decoder_support.h"

namespace weft::models {
namespace {

constexpr double kTolerance = 1e-5;

class DecoderTest : public testing::TestWithParam<const char*> {
 protected:
  DecoderGolden golden_{GetParam()};
  bool variant() const { return !golden_.tensors.contains("loss"); }  // only logits and tokens are stored
};

TEST_P(DecoderTest, LogitsEqualTransformers) {
  const auto model = load_decoder(golden_.folder(), TaskKind::causal_lm);
  const nn::Trainable params(drawn_state(model->manifest()), at::kCPU, false);
  const at::Tensor states = model->language_states(golden_.inputs(), params, {}, Rows::all());
  EXPECT_LT(distance(model->language_logits(states, params, {}), golden_.at("logits")), kTolerance);
}

TEST_P(DecoderTest, AskedRowsEqualThoseOfAll) {
  const auto model = load_decoder(golden_.folder(), TaskKind::causal_lm);
  const nn::Trainable params(drawn_state(model->manifest()), at::kCPU, false);
  const Inputs inputs = golden_.inputs();
  const at::Tensor all = model->language_states(inputs, params, {}, Rows::all());
  for (const Rows& rows : {Rows::last(), Rows::first(), Rows::chosen(at::tensor({3, 9, 10}, at::kLong))})
    EXPECT_LT(distance(model->language_states(inputs, params, {}, rows),
                       all.index_select(0, rows.indices(inputs.tokens, at::kCPU))),
              5e-6);
}

TEST_P(DecoderTest, GradientsEqualPeft) {
  if (variant()) return;
  const auto model = load_decoder(golden_.folder(), TaskKind::causal_lm);
  nn::Trainable params(drawn_state(model->manifest()), at::kCPU, true);
  const at::Tensor loss = mean_loss(*model, params, golden_.inputs());
  EXPECT_NEAR(loss.item().toDouble(), golden_.at("loss").item().toDouble(), kTolerance);
  loss.backward();
  std::size_t compared = 0;
  for (const TensorSpec& spec : model->manifest()->tensors()) {
    const at::Tensor& expected = golden_.at("gradient/" + spec.name);
    EXPECT_LT(distance(params.leaf(spec.name).grad(), expected) / expected.abs().max().item().toDouble(), kTolerance)
        << spec.name;
    ++compared;
  }
  for (const auto& [name, tensor] : golden_.tensors) compared -= name.starts_with("gradient/") ? 1 : 0;
  EXPECT_EQ(compared, 0u) << "as many tensors are trained as PEFT trains";
}

TEST_P(DecoderTest, PackedLossIsTheMeanOverSequencesAlone) {
  const auto model = load_decoder(golden_.folder(), TaskKind::causal_lm);
  const Inputs inputs = golden_.inputs();
  const nn::Trainable together(drawn_state(model->manifest()), at::kCPU, true),
      alone(drawn_state(model->manifest()), at::kCPU, true);
  const at::Tensor loss = mean_loss(*model, together, inputs);
  loss.backward();
  const std::vector<std::int64_t> starts = golden_.starts();
  const double all = static_cast<double>(NextTokens(inputs).rows.numel());
  double sum = 0;
  for (std::size_t n = 0; n + 1 < starts.size(); ++n) {
    const Inputs one = packed_inputs({ids_of(golden_.at("ids").narrow(0, starts[n], starts[n + 1] - starts[n]))});
    const double rows = static_cast<double>(NextTokens(one).rows.numel());
    if (rows == 0) continue;
    const at::Tensor part = mean_loss(*model, alone, one).mul(rows / all);
    sum += part.item().toDouble();
    part.backward();
  }
  EXPECT_NEAR(sum, loss.item().toDouble(), 1e-6);
  EXPECT_LT(distance(alone.grad(), together.grad()) / together.grad().abs().max().item().toDouble(), kTolerance);
}

TEST_P(DecoderTest, HeadsEqualTransformers) {
  if (variant()) return;
  const auto sequence = load_decoder(golden_.folder(), TaskKind::sequence_classification);
  const nn::Trainable params(drawn_state(sequence->manifest()), at::kCPU, false);
  EXPECT_LT(distance(sequence->sequence_logits(golden_.inputs(), params, {}), golden_.at("sequence_logits")),
            kTolerance);
  const auto token = load_decoder(golden_.folder(), TaskKind::token_classification);
  const nn::Trainable token_params(drawn_state(token->manifest()), at::kCPU, false);
  EXPECT_LT(distance(token->token_logits(golden_.inputs(), token_params, {}), golden_.at("token_logits")), kTolerance);
}

// A text that ends in the padding token, as where that is the end token, is classified by the token before.
TEST_P(DecoderTest, ClassifiesByTheLastTokenThatIsNoPadding) {
  if (variant()) return;
  const OwnFolder place;
  std::filesystem::copy(golden_.folder(), place / "model");
  auto config = nlohmann::json::parse(read_text(place / "model/config.json").value());
  config["pad_token_id"] = 5;
  ASSERT_TRUE(write_atomic(place / "model/config.json", as_bytes(config.dump())));
  const auto model = load_decoder(place / "model", TaskKind::sequence_classification);
  const nn::Trainable params(drawn_state(model->manifest()), at::kCPU, false);
  const at::Tensor padded = model->sequence_logits(packed_inputs({{3, 5, 7, 5, 5}, {8}, {5, 5}}), params, {});
  const at::Tensor bare = model->sequence_logits(packed_inputs({{3, 5, 7}, {8}, {5}}), params, {});
  EXPECT_LT(distance(padded, bare), kTolerance);
}

TEST_P(DecoderTest, GeneratesTheSameTokensAloneAndBesideOthers) {
  const auto model = load_decoder(golden_.folder(), TaskKind::causal_lm);
  const nn::Trainable params(model->initial_state(Rng(1)), at::kCPU, false);  // B is zero: the base model
  const std::vector<std::int64_t> prompt = ids_of(golden_.at("ids").narrow(0, 0, 5));
  const std::vector<std::int64_t> expected = ids_of(golden_.at("greedy"));
  EXPECT_EQ(generate(*model, params, {.prompts = {prompt}, .max_new_tokens = 64}, Rng(1))[0].ids, expected);
  const GenerationRequest several{.prompts = {{7, 8, 9, 10, 11, 12, 13}, prompt, {3}}, .max_new_tokens = 64};
  EXPECT_EQ(generate(*model, params, several, Rng(1))[1].ids, expected);
}

INSTANTIATE_TEST_SUITE_P(Families, DecoderTest,
                         testing::Values("gpt2_tiny", "llama_tiny", "llama_yarn_tiny", "llama_linear_tiny",
                                         "mistral_tiny", "qwen2_tiny", "qwen3_tiny"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace weft::models
