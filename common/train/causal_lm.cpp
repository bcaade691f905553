// The next token, of documents or of the assistant's answers in conversations. The model's last layer and its language
// head work only where something is learned, and no more than a chunk of the logits is held at a time.
// Suffixes: R learned tokens.
#include <ATen/ops/sub.h>

#include "common/base/result.h"
#include "common/metrics/loss.h"
#include "common/train/task_kinds.h"

namespace weft::train {
namespace {

class CausalLm final : public Task {
 public:
  using Task::Task;
  void check(const data::EncodedDataset& data, const std::string& what) const override {
    for (std::size_t i = 0; i < data.size(); ++i)
      if (data.token_labels_of(i)[0] != data::kNoLoss)
        throw ConfigError(what + ", sequence " + std::to_string(i) + ": nothing comes before its first token");
  }
  double weight(const data::EncodedDataset& data, std::span<const std::uint32_t> examples) const override {
    return learned_tokens(data, examples);
  }
  at::Tensor loss(const Batch& batch, const nn::Trainable& params, RngStream* dropout) const override {
    return losses(batch, params, dropout).mean();
  }

 protected:
  void count(const Batch& batch, const nn::Trainable& params, metrics::Tally& tally) const override {
    const at::Tensor nats = losses(batch, params, nullptr);
    metrics::add_nll(tally, nats.sum(at::kDouble).item<double>(), static_cast<double>(nats.numel()));
  }

 private:
  at::Tensor losses(const Batch& batch, const nn::Trainable& params, RngStream* dropout) const {
    const models::Rows before = models::Rows::chosen(batch.learned_R.sub(1));
    const at::Tensor states_RD = model().language_states(batch.inputs, params, {dropout}, before);
    return model().language_losses(states_RD, batch.token_labels_R, params, {dropout});
  }
};

}  // namespace

std::unique_ptr<const Task> causal_lm(const data::TaskConfig& config, ModelPointer model) {
  return std::make_unique<CausalLm>(config, std::move(model));
}

}  // namespace weft::train
