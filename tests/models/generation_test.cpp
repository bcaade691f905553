// Sampling by hand, and how generation ends.
#include "common/models/generation.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>

#include "common/base/result.h"
#include "tests/models/decoder_support.h"

namespace weft::models {
namespace {

// Probabilities 0.5, 0.3, 0.15, 0.05 at temperature 1.
const std::array<float, 4> kLogits{std::log(0.3F), std::log(0.5F), std::log(0.05F), std::log(0.15F)};

std::map<std::int64_t, double> shares(const Sampling& sampling) {
  constexpr int kDraws = 20'000;
  RngStream rng = Rng(3).stream("sampling");
  std::map<std::int64_t, double> shares;
  for (int i = 0; i < kDraws; ++i) shares[sample(kLogits, sampling, rng)] += 1.0 / kDraws;
  return shares;
}

void expect_shares(const Sampling& sampling, const std::map<std::int64_t, double>& expected) {
  const std::map<std::int64_t, double> got = shares(sampling);
  EXPECT_EQ(got.size(), expected.size());
  for (const auto& [id, share] : expected)
    EXPECT_NEAR(got.contains(id) ? got.at(id) : 0, share, 0.02) << "token " << id;  // 5 standard deviations
}

TEST(SamplingTest, TakesTheMostProbableTokenAtTemperatureZero) { expect_shares({}, {{1, 1.0}}); }

TEST(SamplingTest, RefusesLogitsThatAreNoNumbers) {
  for (const float broken : {NAN, INFINITY, -INFINITY})
    for (const double temperature : {0.0, 1.0}) {
      RngStream rng = Rng(1).stream("broken");
      try {
        (void)sample(std::vector<float>{0, 1, broken}, {.temperature = temperature}, rng);
        ADD_FAILURE() << broken;
      } catch (const Failure& failure) {
        EXPECT_NE(std::string(failure.what()).find("logit of token 2"), std::string::npos) << failure.what();
      }
    }
}

TEST(SamplingTest, DrawsByProbability) {
  expect_shares({.temperature = 1}, {{0, 0.3}, {1, 0.5}, {2, 0.05}, {3, 0.15}});
}

TEST(SamplingTest, TemperatureSharpens) {
  const double sum = 0.09 + 0.25 + 0.0025 + 0.0225;
  expect_shares({.temperature = 0.5}, {{0, 0.09 / sum}, {1, 0.25 / sum}, {2, 0.0025 / sum}, {3, 0.0225 / sum}});
}

TEST(SamplingTest, TopKKeepsTheMostProbable) {
  expect_shares({.temperature = 1, .top_k = 2}, {{0, 0.375}, {1, 0.625}});
}

TEST(SamplingTest, TopPKeepsTheFewestThatReachIt) {
  expect_shares({.temperature = 1, .top_p = 0.79}, {{0, 0.375}, {1, 0.625}});
  expect_shares({.temperature = 1, .top_p = 0.81}, {{0, 0.3 / 0.95}, {1, 0.5 / 0.95}, {3, 0.15 / 0.95}});
  expect_shares({.temperature = 1, .top_p = 0.01}, {{1, 1.0}});
}

class GenerationTest : public testing::Test {
 protected:
  DecoderGolden golden_{"llama_tiny"};
  std::shared_ptr<const Model> model_ = load_decoder(golden_.folder(), TaskKind::causal_lm);
  nn::Trainable params_{model_->initial_state(Rng(1)), at::kCPU, false};
  std::vector<std::int64_t> prompt_ = ids_of(golden_.at("ids").narrow(0, 0, 5));
  std::vector<std::int64_t> greedy_ = ids_of(golden_.at("greedy"));
};

TEST_F(GenerationTest, EndsBeforeAStopToken) {
  const auto text = generate(*model_, params_, {.prompts = {prompt_}, .stop_tokens = {greedy_[4]}}, Rng(1))[0];
  const auto first = std::find(greedy_.begin(), greedy_.end(), greedy_[4]);
  EXPECT_EQ(text.ids, std::vector<std::int64_t>(greedy_.begin(), first));
  EXPECT_EQ(text.reason, StopReason::stop_token);
}

TEST_F(GenerationTest, EndsWhereTheCallerSaysSo) {
  std::vector<std::int64_t> seen;
  const auto text = generate(*model_, params_, {.prompts = {prompt_}}, Rng(1), [&](std::size_t, std::int64_t id) {
    seen.push_back(id);
    return seen.size() < 3;
  })[0];
  EXPECT_EQ(text.ids, std::vector<std::int64_t>(greedy_.begin(), greedy_.begin() + 3));
  EXPECT_EQ(seen, text.ids);
  EXPECT_EQ(text.reason, StopReason::caller);
}

TEST_F(GenerationTest, EndsAtTheModelsLastPosition) {
  const auto text = generate(*model_, params_, {.prompts = {prompt_}, .max_new_tokens = 1000}, Rng(1))[0];
  // The last token is made of the state at the last position.
  EXPECT_EQ(std::ssize(prompt_) + std::ssize(text.ids), model_->max_positions() + 1);
  EXPECT_EQ(text.reason, StopReason::max_positions);
}

TEST_F(GenerationTest, ASequenceDrawsTheSameWhateverRunsBesideIt) {
  const Sampling warm{.temperature = 1.5, .top_k = 40, .top_p = 0.95};
  const GenerationRequest both{.prompts = {prompt_, {4, 5}}, .max_new_tokens = 30, .sampling = warm};
  GenerationRequest swapped = both;
  swapped.prompts[0] = {9, 9, 9, 9, 9, 9, 9};
  EXPECT_EQ(generate(*model_, params_, both, Rng(5))[1].ids, generate(*model_, params_, swapped, Rng(5))[1].ids);
  EXPECT_NE(generate(*model_, params_, both, Rng(5))[1].ids, generate(*model_, params_, both, Rng(6))[1].ids);
}

TEST_F(GenerationTest, RefusesAPromptThatIsTooLong) {
  const GenerationRequest request{.prompts = {std::vector<std::int64_t>(500, 3)}};
  EXPECT_THROW((void)generate(*model_, params_, request, Rng(1)), Failure);
}

}  // namespace
}  // namespace weft::models
