// Answers of the tiny Llama with a tokenizer of single letters.
#include "common/train/answers.h"

#include <gtest/gtest.h>

#include "common/base/result.h"
#include "common/metrics/registry.h"
#include "common/models/generation.h"
#include "tests/train/train_support.h"

namespace weft::train {
namespace {

text::Tokenizer letters() {
  nlohmann::json vocabulary{{"<s>", 0}, {"</s>", 1}};
  for (const char letter : std::string("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
    vocabulary[std::string(1, letter)] = vocabulary.size();
  const nlohmann::json json{{"version", "1.0"},
                            {"decoder", {{"type", "Fuse"}}},
                            {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", nlohmann::json::array()}}}};
  return text::Tokenizer::parse(json.dump()).value();
}

class AnswersTest : public testing::Test {
 protected:
  // What the model says next, word for word.
  std::string said_after(const std::vector<text::ChatMessage>& messages) const {
    const auto chat = template_.render(messages, text::ChatEnd::open).value();
    const auto ids = tokenizer_.encode(chat.text, {.specials = text::Specials::without}).ids;
    models::GenerationRequest request{.prompts = {{ids.begin(), ids.end()}}, .max_new_tokens = 6};
    const nn::Trainable params(adapter_, at::kCPU, false);
    const auto made = models::generate(*model_, params, request, Rng(0))[0].ids;
    return tokenizer_.decode(std::vector<text::TokenId>(made.begin(), made.end()));
  }
  metrics::Tally score(const std::vector<data::Example>& conversations, std::size_t batch_size = 8) const {
    return score_answers(*model_, adapter_, tokenizer_, template_, conversations,
                         {.stop_tokens = {}, .max_new_tokens = 6, .batch_size = batch_size});
  }
  static data::Example conversation(std::vector<text::ChatMessage> messages) {
    data::Example example;
    example.messages = std::move(messages);
    return example;
  }

  std::shared_ptr<const models::Model> model_ =
      models::load_model({.folder = fixture("models/llama_tiny"), .task = TaskKind::causal_lm, .labels = {}});
  StateDict adapter_ = model_->initial_state(Rng(0));
  text::Tokenizer tokenizer_ = letters();
  text::ChatTemplate template_ = text::ChatTemplate::by_name("chatml").value();
};

TEST_F(AnswersTest, ComparesTheLastAnswerWithWhatTheModelSays) {
  const std::string first = said_after({{"user", "hello"}});
  const std::string second = said_after({{"user", "hello"}, {"assistant", "abc"}, {"user", "more"}});
  ASSERT_FALSE(first.empty());
  const std::vector<data::Example> conversations{
      conversation({{"user", "hello"}, {"assistant", first}}),
      conversation({{"user", "hello"}, {"assistant", "abc"}, {"user", "more"}, {"assistant", second}, {"user", "so"}}),
      conversation({{"user", "hello"}, {"assistant", first + "x"}}),
      conversation({{"user", "nobody answers"}}),
  };
  const metrics::Tally tally = score(conversations);
  EXPECT_EQ(tally.parts.at("generated_text")[0], 3) << "examples";
  EXPECT_DOUBLE_EQ(metrics::value(tally, "exact_match").value(), 2.0 / 3);
  EXPECT_EQ(score(conversations, 1), tally);
}

TEST_F(AnswersTest, CutsWhatThePositionsDoNotHold) {
  const std::string question(static_cast<std::size_t>(model_->max_positions()) + 20, 'a');
  EXPECT_EQ(score({conversation({{"user", question}, {"assistant", "b"}})}).parts.at("generated_text")[0], 1);
}

}  // namespace
}  // namespace weft::train
