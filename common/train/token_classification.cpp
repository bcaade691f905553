// A tag for each word of a text, learned and read at the word's first token.
// Suffixes: R such tokens · C tags.
#include <ATen/ops/argmax.h>
#include <ATen/ops/cross_entropy_loss.h>

#include <algorithm>

#include "common/metrics/loss.h"
#include "common/metrics/token_labels.h"
#include "common/train/task_kinds.h"

namespace weft::train {
namespace {

class TokenClassification final : public Task {
 public:
  using Task::Task;
  void check(const data::EncodedDataset& data, const std::string& what) const override {
    check_labels(config(), data.token_labels, what);
  }
  double weight(const data::EncodedDataset& data, std::span<const std::uint32_t> examples) const override {
    return learned_tokens(data, examples);
  }
  at::Tensor loss(const Batch& batch, const nn::Trainable& params, RngStream* dropout) const override {
    return at::cross_entropy_loss(logits(batch, params, dropout), batch.token_labels_R);
  }

 protected:
  void count(const Batch& batch, const nn::Trainable& params, metrics::Tally& tally) const override {
    const at::Tensor scores = logits(batch, params, nullptr).to(at::kCPU, at::kDouble);
    const at::Tensor labels = batch.token_labels_R.to(at::kCPU), guesses = at::argmax(scores, 1),
                     places = batch.learned_R.to(at::kCPU);
    const auto count = static_cast<double>(labels.numel());
    if (count > 0) metrics::add_nll(tally, at::cross_entropy_loss(scores, labels).item<double>() * count, count);
    const std::span<const std::int64_t> starts = batch.inputs.tokens.starts;
    std::int64_t r = 0;
    for (std::size_t n = 0; n + 1 < starts.size(); ++n) {
      std::vector<std::string> tags, predicted;
      for (; r < labels.numel() && places.const_data_ptr<std::int64_t>()[r] < starts[n + 1]; ++r) {
        tags.push_back(tag(labels, r));
        predicted.push_back(tag(guesses, r));
      }
      metrics::add_token_labels(tally, types_, tags, predicted);
    }
  }

 private:
  const std::vector<std::string> types_ = metrics::entity_types(config().labels);

  at::Tensor logits(const Batch& batch, const nn::Trainable& params, RngStream* dropout) const {
    return model().token_logits(batch.inputs, params, {dropout}, models::Rows::chosen(batch.learned_R));
  }
  const std::string& tag(const at::Tensor& indices, std::int64_t r) const {
    return config().labels[static_cast<std::size_t>(indices.const_data_ptr<std::int64_t>()[r])];
  }
};

}  // namespace

double learned_tokens(const data::EncodedDataset& data, std::span<const std::uint32_t> examples) {
  std::ptrdiff_t count = 0;
  for (const std::uint32_t example : examples) {
    const std::span<const std::int32_t> labels = data.token_labels_of(example);
    count += std::ssize(labels) - std::count(labels.begin(), labels.end(), data::kNoLoss);
  }
  return static_cast<double>(count);
}

std::unique_ptr<const Task> token_classification(const data::TaskConfig& config, ModelPointer model) {
  return std::make_unique<TokenClassification>(config, std::move(model));
}

}  // namespace weft::train
