// What a decoder's config.json may not say: each is one error that names the key.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "common/base/file.h"
#include "common/base/result.h"
#include "common/models/checkpoint.h"
#include "common/models/rotary_config.h"
#include "tests/models/decoder_support.h"

namespace weft::models {
namespace {

using nlohmann::json;

// A copy of a fixture's folder whose config.json is patched.
class Patched {
 public:
  Patched(const std::string& fixture, const json& patch)
      : folder_(std::filesystem::path(testing::TempDir()) / "weft_decoder_config") {
    std::filesystem::remove_all(folder_);
    std::filesystem::copy(std::filesystem::path(WEFT_SOURCE_DIR) / "tests/fixtures/models" / fixture, folder_);
    json config = json::parse(read_text(folder_ / "config.json").value());
    config.merge_patch(patch);
    std::ofstream(folder_ / "config.json") << config;
  }
  ~Patched() { std::filesystem::remove_all(folder_); }
  Patched(const Patched&) = delete;
  Patched& operator=(const Patched&) = delete;
  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
};

std::string refusal(const std::string& fixture, const json& patch) {
  const Patched patched(fixture, patch);
  try {
    (void)load_decoder(patched.folder(), TaskKind::causal_lm);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

struct Refused {
  const char* fixture;
  json patch;
  std::vector<const char*> named;
};

TEST(DecoderConfigTest, NamesWhatIsNotSupported) {
  const std::vector<Refused> cases{
      {"llama_tiny", {{"hidden_act", "gelu"}}, {"\"hidden_act\"", "gelu", "config.json"}},
      {"llama_tiny", {{"mlp_bias", true}}, {"missing", "model.layers.0.mlp.gate_proj.bias"}},
      {"qwen2_tiny", {{"mlp_bias", true}}, {"\"mlp_bias\""}},
      {"llama_tiny", {{"pretraining_tp", 2}}, {"\"pretraining_tp\""}},
      {"llama_tiny", {{"quantization_config", {{"bits", 4}}}}, {"\"quantization_config\""}},
      {"llama_tiny", {{"num_key_value_heads", 3}}, {"\"num_attention_heads\" 4", "\"num_key_value_heads\" 3"}},
      {"llama_tiny", {{"rope_parameters", {{"rope_type", "dynamic"}}}}, {"\"dynamic\"", "llama3"}},
      {"llama_tiny", {{"rope_parameters", {{"factor", nullptr}}}}, {"\"rope_parameters.factor\" is missing"}},
      {"llama_tiny", {{"rope_parameters", {{"partial_rotary_factor", 0.5}}}}, {"partial_rotary_factor"}},
      {"mistral_tiny", {{"attention_bias", true}}, {"\"attention_bias\""}},
      {"mistral_tiny", {{"sliding_window", "wide"}}, {"\"sliding_window\"", "wide"}},
      {"qwen2_tiny", {{"layer_types", {"full_attention", "chunked_attention"}}}, {"chunked_attention"}},
      {"qwen2_tiny", {{"layer_types", {"full_attention"}}}, {"\"layer_types\" has 1 entries for 2 layers"}},
      {"gpt2_tiny", {{"scale_attn_weights", false}}, {"\"scale_attn_weights\""}},
      {"gpt2_tiny", {{"activation_function", "mish"}}, {"\"activation_function\"", "mish"}},
      {"llama_tiny", {{"rope_parameters", {{"rope_theta", 0}}}}, {"\"rope_parameters.rope_theta\" is 0", "above 0"}},
      {"llama_tiny", {{"rope_parameters", nullptr}, {"rope_theta", -1}}, {"\"rope_theta\" is -1"}},
      {"llama_tiny", {{"rope_parameters", {{"factor", -2}}}}, {"\"rope_parameters.factor\" is -2"}},
      {"llama_tiny",
       {{"rope_parameters", {{"original_max_position_embeddings", 0}}}},
       {"\"rope_parameters.original_max_position_embeddings\" is 0"}},
      {"llama_tiny", {{"head_dim", 1 << 30}}, {"head dimension 1073741824"}},
      {"llama_tiny", {{"num_hidden_layers", 2'000'000'000}}, {"\"num_hidden_layers\" is 2000000000", "4096"}},
      {"gpt2_tiny", {{"n_layer", 2'000'000'000}}, {"\"n_layer\" is 2000000000", "4096"}},
      {"llama_tiny", {{"num_hidden_layers", 4000}}, {"missing", "model.layers.2."}},
      {"llama_tiny", {{"vocab_size", 2'000'000'000}}, {"model.embed_tokens.weight", "2000000000"}},
      {"gpt2_tiny", {{"n_inner", 2'000'000'000}}, {"transformer.h.0.mlp.c_fc.weight", "2000000000"}},
      {"gpt2_tiny", {{"n_head", 5}}, {"\"n_embd\" 32", "\"n_head\" 5"}},
  };
  for (const Refused& refused : cases) {
    const std::string message = refusal(refused.fixture, refused.patch);
    for (const char* named : refused.named)
      EXPECT_NE(message.find(named), std::string::npos) << refused.patch << " gave: " << message;
  }
}

TEST(DecoderConfigTest, ListsTensorsThatDoNotFitTheConfig) {
  EXPECT_NE(refusal("llama_tiny", {{"num_hidden_layers", 3}}).find("model.layers.2.self_attn.q_proj.weight"),
            std::string::npos);
  EXPECT_NE(refusal("llama_tiny", {{"num_hidden_layers", 1}}).find("model.layers.1.self_attn.q_proj.weight"),
            std::string::npos);
  EXPECT_NE(refusal("qwen2_tiny", {{"intermediate_size", 64}}).find("model.layers.0.mlp.gate_proj.weight"),
            std::string::npos);
}

nn::RotaryConfig rotary_of(const json& patch) {
  const Patched patched("llama_tiny", patch);
  return rotary_config(ModelConfig(patched.folder() / "config.json"), 8);
}

// transformers before version 5 kept the base beside the scaling, and called the kind "type".
TEST(RotaryConfigTest, ReadsTheOlderKeys) {
  const json old{
      {"rope_parameters", nullptr}, {"rope_theta", 500000.0}, {"rope_scaling", {{"type", "linear"}, {"factor", 4.0}}}};
  const nn::RotaryConfig config = rotary_of(old);
  EXPECT_EQ(config.theta, 500000);
  EXPECT_EQ(config.scaling, nn::RotaryConfig::Scaling::linear);
  EXPECT_EQ(config.factor, 4);
  EXPECT_EQ(rotary_of({{"rope_parameters", nullptr}}).theta, 10000);
}

TEST(RotaryConfigTest, OfTwoSectionsTheOlderCountsAndTheKeyBesideThem) {
  const nn::RotaryConfig config = rotary_of({{"rope_parameters", {{"rope_theta", 1.0}}},
                                             {"original_max_position_embeddings", 64},
                                             {"rope_scaling",
                                              {{"rope_type", "yarn"},
                                               {"factor", 4.0},
                                               {"original_max_position_embeddings", 32},
                                               {"attention_factor", 0.0},
                                               {"beta_fast", 0}}}});
  EXPECT_EQ(config.theta, 10000);
  EXPECT_EQ(config.original_positions, 64);
  EXPECT_EQ(config.attention_factor, 0.0);
  EXPECT_EQ(config.beta_fast, 32);
}

TEST(RotaryConfigTest, YarnTakesTextsAsLongAsItsFactorSays) {
  const auto positions = [](const json& rope) {
    const Patched patched("llama_tiny", {{"rope_parameters", rope}});
    return load_decoder(patched.folder(), TaskKind::causal_lm)->max_positions();
  };
  const json base{{"factor", 4.0}, {"original_max_position_embeddings", 100}};  // the fixture says 160
  const auto with = [&](const json& more) {
    json rope = base;
    for (const auto& [key, value] : more.items()) rope[key] = value;  // null takes a key away
    return positions(rope);
  };
  EXPECT_EQ(with({{"rope_type", "yarn"}}), 400);
  EXPECT_EQ(with({{"rope_type", "yarn"}, {"factor", 1.5}}), 160);
  EXPECT_EQ(with({{"rope_type", "yarn"}, {"original_max_position_embeddings", nullptr}}), 640);
  EXPECT_EQ(with({{"rope_type", "llama3"}}), 160);
}

// yarn as the paper's section 3.2 has it: frequencies that turn often stay, those that turn less than once are
// stretched, and cos and sin grow with the stretch.
TEST(RotaryConfigTest, YarnKeepsHighFrequenciesAndStretchesLowOnes) {
  const nn::RotaryConfig config{.scaling = nn::RotaryConfig::Scaling::yarn,
                                .theta = 10000,
                                .rotated = 128,
                                .factor = 16,
                                .original_positions = 4096};
  nn::RotaryConfig plain = config;
  plain.scaling = nn::RotaryConfig::Scaling::none;
  const auto scaled = nn::rotary_frequencies(config), base = nn::rotary_frequencies(plain);
  EXPECT_FLOAT_EQ(scaled.inverse_F.front(), base.inverse_F.front());
  EXPECT_FLOAT_EQ(scaled.inverse_F.back(), base.inverse_F.back() / 16);
  EXPECT_NEAR(scaled.amplitude, 1.277, 1e-3);  // 0.1·ln 16 + 1
}

}  // namespace
}  // namespace weft::models
