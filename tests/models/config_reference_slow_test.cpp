// The rarer keys of config.json against what transformers makes of them, asked live: set WEFT_REFERENCE_PYTHON to a
// Python that has transformers and peft.
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/base/file.h"
#include "common/models/generation.h"
#include "common/models/rotary_config.h"
#include "tests/models/adapter_support.h"
#include "tests/models/vision_support.h"

namespace weft::models {
namespace {

using nlohmann::json;

class ConfigReferenceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("WEFT_REFERENCE_PYTHON") == nullptr)
      GTEST_SKIP() << "WEFT_REFERENCE_PYTHON names no Python with transformers and peft";
  }
  void run(const std::string& arguments) const {
    const std::string command = "\"$WEFT_REFERENCE_PYTHON\" '" WEFT_SOURCE_DIR "/scripts/make_config_fixtures.py' " +
                                arguments + " 2> '" + (place_ / "errors").string() + "'";
    ASSERT_EQ(std::system(command.c_str()), 0) << command << "\n" << read_text(place_ / "errors").value();
  }
  OwnFolder place_;
};

TEST_F(ConfigReferenceTest, RotaryFrequenciesOfRandomConfigs) {
  const std::filesystem::path out = place_ / "rotary.jsonl", file = place_ / "config.json";
  run("rotary 600 20261126 '" + out.string() + "'");
  std::ifstream lines(out);
  std::size_t compared = 0;
  for (std::string line; std::getline(lines, line); ++compared) {
    const json one = json::parse(line);
    std::ofstream(file) << one[0];
    const nn::RotaryFrequencies ours =
        nn::rotary_frequencies(rotary_config(ModelConfig(file), one[0]["head_dim"].get<std::int64_t>()));
    EXPECT_NEAR(ours.amplitude, one[2].get<double>(), 1e-12) << one[0];
    const auto expected = one[1].get<std::vector<double>>();
    ASSERT_EQ(ours.inverse_F.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i)  // the reference rounds each step to fp32, yarn's ramp as well
      ASSERT_NEAR(static_cast<double>(ours.inverse_F[i]) / expected[i], 1, 5e-6) << one[0] << " pair " << i;
  }
  EXPECT_EQ(compared, 600U);
}

TEST_F(ConfigReferenceTest, ModelsThatTheirConfigsMakeDifferent) {
  run("models '" + (place_ / "").string() + "'");
  for (const char* name : {"llama_inner_bias", "gpt2_scores_by_layer", "qwen2_all_slide", "qwen2_none_slides"}) {
    SCOPED_TRACE(name);
    const DecoderGolden golden((place_ / name).string());
    const auto model = load_decoder(golden.folder(), TaskKind::causal_lm);
    nn::Trainable params(drawn_state(model->manifest()), at::kCPU, true);
    const at::Tensor states = model->language_states(golden.inputs(), params, {}, Rows::all());
    EXPECT_LT(distance(model->language_logits(states, params, {}), golden.at("logits")), 1e-5);
    mean_loss(*model, params, golden.inputs()).backward();
    expect_gradients(golden, params);
    const nn::Trainable base(model->initial_state(Rng(1)), at::kCPU, false);
    const std::vector<std::int64_t> prompt = ids_of(golden.at("ids").narrow(0, 0, 5));
    EXPECT_EQ(generate(*model, base, {.prompts = {prompt}, .max_new_tokens = 64}, Rng(1))[0].ids,
              ids_of(golden.at("greedy")));
  }
}

TEST_F(ConfigReferenceTest, PaddingTokensWithinATextTakeNoPosition) {
  run("models '" + (place_ / "").string() + "'");
  const DecoderGolden golden((place_ / "roberta_padded").string());
  const auto model = load_as_it_is(golden.folder(), TaskKind::sequence_classification, 3);
  const nn::Trainable params(model->initial_state(Rng(1)), at::kCPU, false);
  Inputs inputs = golden.inputs();
  inputs.tokens.type_ids_T = at::zeros_like(inputs.tokens.ids_T);
  EXPECT_LT(distance(model->sequence_logits(inputs, params, {}), golden.at("logits")), 1e-5);
}

}  // namespace
}  // namespace weft::models
