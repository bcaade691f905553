#include "common/models/generation.h"

#include <ATen/core/grad_mode.h>

#include "common/base/result.h"
#include "common/nn/host_copy.h"
#include "common/nn/kv_cache.h"

namespace weft::models {
namespace {

// A sequence that still grows.
struct Growing {
  std::size_t index;              // of the prompts; its place in the caches
  std::vector<std::int64_t> fed;  // tokens that the model has not seen
  std::int64_t past = 0;          // and how many it has
};

class Generator {
 public:
  Generator(const Model& model, const nn::Trainable& params, const GenerationRequest& request, const Rng& rng,
            const OnToken& on_token)
      : model_(model), params_(params), request_(request), on_token_(on_token), results_(request.prompts.size()) {
    std::int64_t places = 0;
    for (std::size_t i = 0; i < request.prompts.size(); ++i) {
      const auto length = std::ssize(request.prompts[i]);
      if (length < 1 || length > model.max_positions())
        throw Failure("prompt " + std::to_string(request.first + i) + " has " + std::to_string(length) +
                      " tokens; the model takes 1 to " + std::to_string(model.max_positions()));
      places = std::max(places, std::min(length + request.max_new_tokens, model.max_positions()));
      growing_.push_back({i, request.prompts[i], 0});
      streams_.push_back(rng.stream("generate", request.first + i));
    }
    caches_ = model.network().make_caches(std::ssize(request.prompts), places);
  }

  std::vector<GeneratedText> run() {
    if (request_.max_new_tokens < 1) return std::move(results_);
    while (!growing_.empty()) step();
    return std::move(results_);
  }

 private:
  void step() {
    const at::Tensor logits = next_logits();
    const std::int64_t width = logits.size(1);
    std::vector<Growing> left;
    for (std::size_t row = 0; row < growing_.size(); ++row) {
      Growing& sequence = growing_[row];
      const std::span<const float> own{logits.const_data_ptr<float>() + static_cast<std::int64_t>(row) * width,
                                       static_cast<std::size_t>(width)};
      const std::int64_t id = sample(own, request_.sampling, streams_[sequence.index]);
      sequence.past += std::ssize(sequence.fed);
      sequence.fed = {id};
      if (goes_on(sequence, id)) left.push_back(std::move(sequence));
    }
    growing_ = std::move(left);
  }

  // [sequences that grow, V] on the CPU.
  at::Tensor next_logits() {
    Inputs inputs;
    nn::CachedRows cached{.starts = {0}, .slots = {}, .past = {}};
    std::vector<std::int64_t> ids, positions;
    for (const Growing& sequence : growing_) {
      for (std::int64_t i = 0; i < std::ssize(sequence.fed); ++i) positions.push_back(sequence.past + i);
      ids.insert(ids.end(), sequence.fed.begin(), sequence.fed.end());
      cached.starts.push_back(std::ssize(ids));
      cached.slots.push_back(static_cast<std::int64_t>(sequence.index));
      cached.past.push_back(sequence.past);
    }
    inputs.tokens.ids_T = nn::sent(ids, model_.device());
    inputs.tokens.position_T = nn::sent(positions, model_.device());
    inputs.tokens.starts = cached.starts;
    const at::Tensor states = model_.network().next_states({params_}, inputs, cached, caches_, Rows::last());
    return model_.language_logits(states, params_, {}).to(at::kCPU).contiguous();
  }

  bool goes_on(const Growing& sequence, std::int64_t id) {
    GeneratedText& text = results_[sequence.index];
    const auto ended = [&](StopReason reason) {
      text.reason = reason;
      return false;
    };
    for (const std::int64_t stop : request_.stop_tokens)
      if (id == stop) return ended(StopReason::stop_token);
    text.ids.push_back(id);
    if (on_token_ && !on_token_(sequence.index, id)) return ended(StopReason::caller);
    if (std::ssize(text.ids) == request_.max_new_tokens) return ended(StopReason::max_tokens);
    if (sequence.past == model_.max_positions()) return ended(StopReason::max_positions);
    return true;
  }

  const Model& model_;
  const nn::Trainable& params_;
  const GenerationRequest& request_;
  const OnToken& on_token_;
  std::vector<GeneratedText> results_;
  std::vector<Growing> growing_;
  std::vector<RngStream> streams_;
  std::vector<nn::KvCache> caches_;
};

}  // namespace

std::string_view name_of(StopReason reason) {
  switch (reason) {
    case StopReason::stop_token:
      return "stop_token";
    case StopReason::caller:
      return "caller";
    case StopReason::max_tokens:
      return "max_tokens";
    case StopReason::max_positions:
      return "max_positions";
  }
  WEFT_CHECK(false, "an unknown reason to stop");
}

std::vector<GeneratedText> generate(const Model& model, const nn::Trainable& params, const GenerationRequest& request,
                                    const Rng& rng, const OnToken& on_token) {
  const at::NoGradGuard no_grad;
  return Generator(model, params, request, rng, on_token).run();
}

}  // namespace weft::models
