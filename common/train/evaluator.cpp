// Batches in a fixed order: the sums have the same bits each time.
#include "common/train/evaluator.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <vector>

#include "common/train/batch_plan.h"
#include "common/train/threads.h"

namespace weft::train {
namespace {

using SteadyClock = std::chrono::steady_clock;

Indices by_length(const std::vector<std::uint32_t>& lengths) {
  Indices order(lengths.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return lengths[a] < lengths[b]; });
  return order;
}

}  // namespace

Score evaluate(const Task& task, const StateDict& adapter, const data::EncodedDataset& data,
               const EvaluatorOptions& options, const fl::ProgressFn& progress, std::stop_token stop) {
  const auto own = [&](const nn::Trainable& params) { return task.scorer(params); };
  return evaluate(task, own, adapter, data, options, progress, std::move(stop));
}

Score evaluate(const Task& task, const MakeScorer& make_scorer, const StateDict& adapter,
               const data::EncodedDataset& data, const EvaluatorOptions& options, const fl::ProgressFn& progress,
               std::stop_token stop) {
  use_threads(options.threads);
  const at::NoGradGuard no_grad;
  const SteadyClock::time_point start = SteadyClock::now();
  const at::Device device = task.model().device();
  const nn::Trainable params(adapter, device, /*gradients=*/false);
  const std::vector<std::uint32_t> lengths = task.lengths(data);
  const Indices order = by_length(lengths);
  const auto batches = micro_batches(lengths, order, 1, options.batch_tokens);
  const std::unique_ptr<Scorer> scorer = make_scorer(params);
  Score score{.examples = data.size()};
  for (std::size_t done = 0; done < batches.size(); ++done) {
    if (stop.stop_requested()) throw fl::Cancelled{};
    scorer->add(make_batch(data, batches[done], device));
    for (const std::uint32_t example : batches[done]) score.tokens += lengths[example];
    score.seconds = std::chrono::duration<double>(SteadyClock::now() - start).count();
    if (progress)
      progress({.done = done + 1,
                .total = batches.size(),
                .tokens_per_second = static_cast<double>(score.tokens) / std::max(score.seconds, 1e-9)});
  }
  score.tally = scorer->tally();
  return score;
}

}  // namespace weft::train
