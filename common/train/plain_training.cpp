// The same step loop, run to its end in stretches between validations.
#include "common/train/plain_training.h"

#include <algorithm>
#include <cmath>

#include "common/base/result.h"
#include "common/metrics/registry.h"
#include "common/train/evaluator.h"
#include "common/train/step_loop.h"
#include "common/train/threads.h"

namespace weft::train {
namespace {

// Progress of a stretch as progress of the whole.
fl::ProgressFn shifted(const fl::ProgressFn& progress, std::uint64_t done, std::uint64_t total) {
  if (!progress) return {};
  return [&progress, done, total](const fl::TrainProgress& part) {
    progress({.done = done + part.done, .total = total, .tokens_per_second = part.tokens_per_second});
  };
}

}  // namespace

PlainResult train_plainly(const PlainJob& job, const fl::ProgressFn& progress, std::stop_token stop) {
  WEFT_CHECK(job.task != nullptr && job.data != nullptr && job.start != nullptr, "a plain job needs task, data, start");
  job.task->check(*job.data, job.name);
  use_threads(job.threads);
  nn::Trainable params(*job.start, job.task->model().device(), /*gradients=*/true);
  StepLoop loop({.task = job.task,
                 .data = job.data,
                 .config = &job.config,
                 .rng = Rng(job.seed),
                 .site = job.name,
                 .total_steps = job.steps},
                params);
  const std::string metric = scheme_of(job.task->config()).primary;
  const bool validates = job.validation != nullptr && job.validation->size() > 0 && job.validate_every > 0;
  const std::uint64_t stretch = validates ? job.validate_every : std::max<std::uint64_t>(job.steps, 1);
  PlainResult result;
  double loss_sum = 0;
  for (std::uint64_t done = 0; done < job.steps;) {
    const StepStats stats =
        loop.run(done, std::min(stretch, job.steps - done), shifted(progress, done, job.steps), stop);
    done += stats.steps;
    loss_sum += stats.loss * static_cast<double>(stats.steps);
    result.tokens += stats.tokens;
    result.seconds += stats.seconds;
    if (!validates) continue;
    StateDict state = params.to_state_dict();
    const Score score = evaluate(*job.task, state, *job.validation, {.threads = job.threads}, {}, stop);
    const metrics::Standing standing = metrics::standing(score.tally, metric);
    if (result.adapter_step != 0 && !metrics::is_better(metric, standing, result.best)) continue;
    result.best = standing;
    result.adapter = std::move(state);
    result.adapter_step = done;
  }
  if (result.adapter_step == 0) {
    result.adapter = params.to_state_dict();
    result.adapter_step = job.steps;
  }
  result.loss = job.steps == 0 ? 0 : loss_sum / static_cast<double>(job.steps);
  return result;
}

}  // namespace weft::train
