// The real SmolLM2-135M-Instruct against transformers. Skips where scripts/fetch_assets.py did not put it.
#include <ATen/ops/arange.h>
#include <gtest/gtest.h>

#include "common/models/generation.h"
#include "tests/models/decoder_support.h"

namespace weft::models {
namespace {

class SmolLm2Test : public testing::Test {
 protected:
  const std::filesystem::path folder_ = std::filesystem::path(WEFT_SOURCE_DIR) / ".deps/models/SmolLM2-135M-Instruct";
  void SetUp() override {
    if (!std::filesystem::exists(folder_ / "model.safetensors"))
      GTEST_SKIP() << folder_ << " is not there; scripts/fetch_assets.py fetches it";
  }
};

TEST_F(SmolLm2Test, LogitsAndTokensEqualTransformers) {
  const DecoderGolden golden("smollm2");
  const auto model = load_decoder(folder_, TaskKind::causal_lm);
  const nn::Trainable params(model->initial_state(Rng(1)), at::kCPU, false);
  const std::vector<std::int64_t> prompt = ids_of(golden.at("ids"));
  const at::Tensor states = model->language_states(packed_inputs({prompt}), params, {}, Rows::all());
  const at::Tensor logits = model->language_logits(states, params, {}).index_select(1, at::arange(0, 49152, 384));
  EXPECT_LT(distance(logits, golden.at("logits")), 1e-4);
  const auto text = generate(*model, params, {.prompts = {prompt}, .max_new_tokens = 64}, Rng(1))[0];
  EXPECT_EQ(text.ids, ids_of(golden.at("greedy")));
}

}  // namespace
}  // namespace weft::models
