// Texts to classes or numbers. Losses are those of transformers' problem types.
// Suffixes: N texts · C classes.
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/mse_loss.h>

#include "common/base/result.h"
#include "common/metrics/loss.h"
#include "common/metrics/multi_label.h"
#include "common/metrics/regression.h"
#include "common/train/task_kinds.h"

namespace weft::train {
namespace {

class TextTask : public Task {
 public:
  using Task::Task;

 protected:
  at::Tensor logits(const Batch& batch, const nn::Trainable& params, RngStream* dropout = nullptr) const {
    return model().sequence_logits(batch.inputs, params, {dropout});
  }
};

class SingleLabel final : public TextTask {
 public:
  using TextTask::TextTask;
  void check(const data::EncodedDataset& data, const std::string& what) const override {
    check_labels(config(), data.labels, what);
  }
  at::Tensor loss(const Batch& batch, const nn::Trainable& params, RngStream* dropout) const override {
    return at::cross_entropy_loss(logits(batch, params, dropout), batch.labels_N);
  }

 protected:
  void count(const Batch& batch, const nn::Trainable& params, metrics::Tally& tally) const override {
    count_one_label(logits(batch, params), batch.labels_N, tally);
  }
};

class MultiLabel final : public TextTask {
 public:
  using TextTask::TextTask;
  void check(const data::EncodedDataset& data, const std::string& what) const override {
    if (data.label_vectors.size() != data.size() * config().labels.size())
      throw ConfigError(what + ": the examples do not have a value for each of the " +
                        std::to_string(config().labels.size()) + " labels");
  }
  at::Tensor loss(const Batch& batch, const nn::Trainable& params, RngStream* dropout) const override {
    return at::binary_cross_entropy_with_logits(logits(batch, params, dropout), batch.label_vectors_NC);
  }

 protected:
  void count(const Batch& batch, const nn::Trainable& params, metrics::Tally& tally) const override {
    const at::Tensor scores = logits(batch, params).to(at::kCPU, at::kDouble).contiguous();
    const at::Tensor labels = batch.label_vectors_NC.to(at::kCPU, at::kDouble).contiguous();
    const auto examples = static_cast<double>(batch.examples);
    // An example's loss is the mean over its labels.
    metrics::add_loss(tally, at::binary_cross_entropy_with_logits(scores, labels).item<double>() * examples, examples);
    const auto classes = static_cast<std::size_t>(scores.size(1));
    const double *score = scores.const_data_ptr<double>(), *label = labels.const_data_ptr<double>();
    std::vector<bool> truth(classes), guess(classes);
    for (std::int64_t n = 0; n < batch.examples; ++n) {
      for (std::size_t c = 0; c < classes; ++c) {
        truth[c] = *label++ > 0.5;
        guess[c] = *score++ > 0;
      }
      metrics::add_multi_label(tally, truth, guess);
    }
  }
};

class Regression final : public TextTask {
 public:
  using TextTask::TextTask;
  void check(const data::EncodedDataset& data, const std::string& what) const override {
    if (data.targets.size() != data.size()) throw ConfigError(what + ": not every example has a number to learn");
  }
  at::Tensor loss(const Batch& batch, const nn::Trainable& params, RngStream* dropout) const override {
    return at::mse_loss(logits(batch, params, dropout).view({-1}), batch.targets_N);
  }

 protected:
  void count(const Batch& batch, const nn::Trainable& params, metrics::Tally& tally) const override {
    const at::Tensor guesses = logits(batch, params).to(at::kCPU, at::kDouble).contiguous();
    const at::Tensor targets = batch.targets_N.to(at::kCPU, at::kDouble);
    const auto examples = static_cast<double>(batch.examples);
    metrics::add_loss(tally, at::mse_loss(guesses.view({-1}), targets).item<double>() * examples, examples);
    for (std::int64_t n = 0; n < batch.examples; ++n)
      metrics::add_regression(tally, targets.const_data_ptr<double>()[n], guesses.const_data_ptr<double>()[n]);
  }
};

}  // namespace

std::unique_ptr<const Task> sequence_classification(const data::TaskConfig& config, ModelPointer model) {
  switch (config.problem) {
    case data::Problem::multi_label:
      return std::make_unique<MultiLabel>(config, std::move(model));
    case data::Problem::regression:
      return std::make_unique<Regression>(config, std::move(model));
    case data::Problem::single_label:
      break;
  }
  return std::make_unique<SingleLabel>(config, std::move(model));
}

}  // namespace weft::train
