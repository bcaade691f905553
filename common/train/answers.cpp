// Conversations to prompts, prompts to answers, a batch at a time.
#include "common/train/answers.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "common/base/result.h"
#include "common/metrics/generated_text.h"
#include "common/models/generation.h"
#include "common/train/threads.h"

namespace weft::train {
namespace {

struct Question {
  std::vector<std::int64_t> prompt;
  std::string answer;  // the one that is expected
};

std::vector<Question> questions_of(std::span<const data::Example> conversations, const text::Tokenizer& tokenizer,
                                   const text::ChatTemplate& chat_template, std::size_t max_tokens) {
  std::vector<Question> questions;
  for (const data::Example& example : conversations) {
    const std::vector<text::ChatMessage>& messages = example.messages;
    const auto last = std::find_if(messages.rbegin(), messages.rend(),
                                   [](const text::ChatMessage& message) { return message.role == "assistant"; });
    const auto before =
        static_cast<std::size_t>(std::distance(last, messages.rend())) - (last == messages.rend() ? 0 : 1);
    if (last == messages.rend() || before == 0) continue;
    const auto chat = chat_template.render(std::span(messages).first(before), text::ChatEnd::open);
    if (!chat)
      throw ConfigError("a conversation of " + std::to_string(messages.size()) + " messages: " + chat.error().message +
                        "; correct the data or task.template");
    const text::Encoding prompt =
        tokenizer.encode(chat.value().text, text::EncodeOptions{.max_tokens = max_tokens,
                                                                .specials = text::Specials::without,
                                                                .side = text::TruncationSide::left});
    questions.push_back({{prompt.ids.begin(), prompt.ids.end()}, last->content});
  }
  return questions;
}

}  // namespace

metrics::Tally score_answers(const models::Model& model, const StateDict& adapter, const text::Tokenizer& tokenizer,
                             const text::ChatTemplate& chat_template, std::span<const data::Example> conversations,
                             const AnswerOptions& options) {
  use_threads(options.threads);
  const at::NoGradGuard no_grad;
  const nn::Trainable params(adapter, model.device(), /*gradients=*/false);
  // At least half of the positions are for what was said.
  const std::int64_t positions = model.max_positions();
  const std::int64_t room = positions - std::min(options.max_new_tokens, positions / 2);
  const std::vector<Question> questions =
      questions_of(conversations, tokenizer, chat_template, static_cast<std::size_t>(room));
  metrics::Tally tally;
  for (std::size_t first = 0; first < questions.size(); first += options.batch_size) {
    const auto batch = std::span(questions).subspan(first, std::min(options.batch_size, questions.size() - first));
    models::GenerationRequest request{
        .prompts = {}, .max_new_tokens = options.max_new_tokens, .stop_tokens = options.stop_tokens, .sampling = {}};
    for (const Question& question : batch) request.prompts.push_back(question.prompt);
    const std::vector<models::GeneratedText> answers = models::generate(model, params, request, Rng(0));
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const std::vector<text::TokenId> ids(answers[i].ids.begin(), answers[i].ids.end());
      metrics::add_generated_text(tally, batch[i].answer, tokenizer.decode(ids));
    }
  }
  return tally;
}

}  // namespace weft::train
