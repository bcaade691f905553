// Decoders on the first GPU against the golden tensors that the CPU meets: logits, gradients, generated tokens.
#include <ATen/Context.h>
#include <gtest/gtest.h>

#include "common/models/generation.h"
#include "tests/models/decoder_support.h"

namespace weft::models {
namespace {

class DecoderGpuTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!at::hasCUDA()) GTEST_SKIP() << "LibTorch sees no GPU here";
  }
};

TEST_P(DecoderGpuTest, LogitsAndTokensAreThoseOfTheCpu) {
  const DecoderGolden golden(GetParam());
  const at::Device gpu(at::kCUDA, 0);
  const auto model = load_decoder(golden.folder(), TaskKind::causal_lm, gpu);
  const nn::Trainable params(drawn_state(model->manifest()), gpu, true);
  Inputs inputs = golden.inputs();
  inputs.tokens.ids_T = inputs.tokens.ids_T.to(gpu);
  inputs.tokens.position_T = inputs.tokens.position_T.to(gpu);
  const at::Tensor states = model->language_states(inputs, params, {}, Rows::all());
  EXPECT_LT(distance(model->language_logits(states.detach(), params, {}).to(at::kCPU), golden.at("logits")), 1e-4);
  model->language_losses(states, inputs.tokens.ids_T, params, {}).mean().backward();
  EXPECT_GT(params.grad().abs().max().item().toDouble(), 0);
  const nn::Trainable base(model->initial_state(Rng(1)), gpu, false);
  const std::vector<std::int64_t> prompt = ids_of(golden.at("ids").narrow(0, 0, 5));
  EXPECT_EQ(generate(*model, base, {.prompts = {prompt}, .max_new_tokens = 64}, Rng(1))[0].ids,
            ids_of(golden.at("greedy")));
}

INSTANTIATE_TEST_SUITE_P(Families, DecoderGpuTest,
                         testing::Values("gpt2_tiny", "llama_tiny", "mistral_tiny", "qwen3_tiny"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace weft::models
