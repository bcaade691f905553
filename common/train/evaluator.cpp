// Batches by length, sums by example.
#include "common/train/evaluator.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <vector>

#include "common/metrics/auroc.h"
#include "common/metrics/confusion.h"
#include "common/metrics/loss.h"
#include "common/train/batch_plan.h"
#include "common/train/packing.h"
#include "common/train/threads.h"

namespace weft::train {
namespace {

using SteadyClock = std::chrono::steady_clock;

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

Indices by_length(const data::EncodedDataset& data) {
  Indices order(data.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return data.length(a) < data.length(b); });
  return order;
}

}  // namespace

Score evaluate(const models::Model& model, const SequenceClassification& task, const StateDict& adapter,
               const data::EncodedDataset& data, const EvaluatorOptions& options, const fl::ProgressFn& progress,
               std::stop_token stop) {
  use_threads(options.threads);
  const at::NoGradGuard no_grad;
  const SteadyClock::time_point start = SteadyClock::now();
  const nn::Trainable params(adapter, options.device, /*gradients=*/false);
  Score score;
  metrics::ConfusionMatrix confusion(task.classes());
  const Indices order = by_length(data);
  const auto batches = micro_batches(data, order, 1, options.batch_tokens);
  std::vector<double> losses(data.size());
  std::uint64_t done = 0;
  for (const std::span<const std::uint32_t> examples : batches) {
    if (stop.stop_requested()) throw fl::Cancelled{};
    const LabelledBatch batch = pack(data, examples, options.device);
    const at::Tensor logits_NC = model.sequence_logits({batch.tokens, {}}, params, {});
    const std::vector<double> batch_losses = task.losses(logits_NC, batch.labels_N);
    const std::vector<std::size_t> predictions = task.predictions(logits_NC);
    const at::Tensor numbers_NC = logits_NC.to(at::kCPU, at::kDouble).contiguous();
    for (std::size_t i = 0; i < examples.size(); ++i) {
      losses[examples[i]] = batch_losses[i];
      const auto label = static_cast<std::size_t>(data.labels[examples[i]]);
      confusion.add(label, predictions[i]);
      const metrics::CountsView logits(numbers_NC.const_data_ptr<double>() + i * task.classes(), task.classes());
      if (task.classes() <= metrics::kAurocClasses) metrics::add_auroc(score.tally, label, metrics::log_odds(logits));
    }
    score.tokens += static_cast<std::uint64_t>(batch.tokens.starts.back());
    score.seconds = seconds_since(start);
    if (progress)
      progress({.done = ++done,
                .total = batches.size(),
                .tokens_per_second = static_cast<double>(score.tokens) / std::max(score.seconds, 1e-9)});
  }
  score.examples = data.size();
  metrics::add_loss(score.tally, std::accumulate(losses.begin(), losses.end(), 0.0),
                    static_cast<double>(score.examples));
  metrics::add_confusion(score.tally, confusion);
  return score;
}

}  // namespace weft::train
