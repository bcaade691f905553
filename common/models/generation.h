// Continues token sequences with a language model, several at once, one token each a step. Keys and values of what came
// before are kept, so a step costs one token's work a sequence.
// Sources: Fan et al. 2018, arXiv:1805.04833 (top-k); Holtzman et al. 2020, arXiv:1904.09751 (top-p).
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "common/base/rng.h"
#include "common/models/model.h"

namespace weft::models {

// In this order, as transformers has them.
struct Sampling {
  double temperature = 0;  // 0: the most probable token, always
  std::int64_t top_k = 0;  // only so many of the most probable; 0: all
  double top_p = 1;        // only the fewest whose probabilities sum up to it, at least one; (0, 1]
};

// One token from logits [V]. The lowest id of equal ones is the most probable.
std::int64_t sample(std::span<const float> logits, const Sampling& sampling, RngStream& rng);

enum class StopReason {
  stop_token,    // the model ended it
  caller,        // on_token said so
  max_tokens,    // max_new_tokens
  max_positions  // the model takes no longer sequences
};
std::string_view name_of(StopReason reason);  // "stop_token"

struct GenerationRequest {
  std::vector<std::vector<std::int64_t>> prompts;  // token ids, at least one each
  std::int64_t max_new_tokens = 256;
  std::vector<std::int64_t> stop_tokens;  // each ends a sequence and is not part of it
  Sampling sampling;
  std::size_t first = 0;  // number of the first prompt, where these are a part of many
};

struct GeneratedText {
  std::vector<std::int64_t> ids;  // new ones alone
  StopReason reason = StopReason::max_tokens;
};

// Called for each new token, of sequence i of the prompts; false ends that sequence.
using OnToken = std::function<bool(std::size_t sequence, std::int64_t id)>;

// Sequence i draws from rng.stream("generate", request.first + i) alone, so it comes out the same whatever runs beside
// it.
// Throws Failure for a prompt that the model cannot take.
std::vector<GeneratedText> generate(const Model& model, const nn::Trainable& params, const GenerationRequest& request,
                                    const Rng& rng, const OnToken& on_token = {});

}  // namespace weft::models
