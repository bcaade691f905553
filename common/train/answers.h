// What a language model answers in conversations, beside the answers that they have.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "common/data/dataset.h"
#include "common/metrics/tally.h"
#include "common/models/model.h"
#include "common/text/chat_template.h"
#include "common/text/tokenizer.h"

namespace weft::train {

struct AnswerOptions {
  std::vector<std::int64_t> stop_tokens;  // end an answer
  std::int64_t max_new_tokens = 64;
  std::size_t batch_size = 8;  // conversations answered at once: bounds memory
  int threads = 1;
};

// Asks for the last answer of the assistant, given all that was said before it, and takes the most probable tokens.
// Counts "generated_text"; a conversation without an answer is passed over. What is said before is cut from the left
// where the model's positions would not hold it and the answer. ConfigError: a conversation that the template does not
// have.
metrics::Tally score_answers(const models::Model& model, const StateDict& adapter, const text::Tokenizer& tokenizer,
                             const text::ChatTemplate& chat_template, std::span<const data::Example> conversations,
                             const AnswerOptions& options);

}  // namespace weft::train
