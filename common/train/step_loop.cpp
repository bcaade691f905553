// Forward, backward, clip, step.
#include "common/train/step_loop.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "common/base/result.h"
#include "common/train/batch.h"
#include "common/train/schedule.h"
#include "common/train/train_state.h"

namespace weft::train {
namespace {

using SteadyClock = std::chrono::steady_clock;

}  // namespace

StepLoop::StepLoop(const StepLoopContext& context, nn::Trainable& params)
    : context_(context),
      params_(params),
      plan_(context.task->lengths(*context.data),
            {.batch_size = context.config->batch_size, .length_window = context.config->length_window}, context.rng,
            context.site),
      optimizer_(make_optimizer(*context.config, params)) {
  context.task->check(*context.config);
}

StepStats StepLoop::run(std::uint64_t first, std::uint64_t count, const fl::ProgressFn& progress, std::stop_token stop,
                        fl::TrainingCheckpoint* checkpoint) {
  TrainState so_far;
  if (checkpoint != nullptr)
    if (const std::optional<Bytes> kept = checkpoint->load()) so_far = restore_training(*kept, params_, *optimizer_);
  const double seconds_before = so_far.seconds;
  const SteadyClock::time_point start = SteadyClock::now();
  while (so_far.steps < count) {
    if (stop.stop_requested()) throw fl::Cancelled{};
    const StepResult result = step(first + so_far.steps);
    ++so_far.steps;
    so_far.loss_sum += result.loss;
    so_far.tokens += result.tokens;
    so_far.seconds = seconds_before + std::chrono::duration<double>(SteadyClock::now() - start).count();
    if (progress)
      progress({.done = so_far.steps,
                .total = count,
                .tokens_per_second = static_cast<double>(so_far.tokens) / std::max(so_far.seconds, 1e-9)});
    if (checkpoint != nullptr && so_far.steps < count && checkpoint->due())
      checkpoint->save(training_image(so_far, params_, *optimizer_));
  }
  return {.loss = count == 0 ? 0 : so_far.loss_sum / static_cast<double>(count),
          .steps = count,
          .tokens = so_far.tokens,
          .seconds = so_far.seconds};
}

StepLoop::StepResult StepLoop::step(std::uint64_t index) {
  const at::AutoGradMode with_gradients(true);
  const Task& task = *context_.task;
  const Indices& indices = plan_.batch(index);
  const auto parts =
      micro_batches(plan_.lengths(), indices, context_.config->accumulation, context_.config->batch_tokens);
  const double whole = task.weight(*context_.data, indices);
  StepResult result;
  std::vector<at::Tensor> losses;
  params_.zero_grad();
  for (std::size_t part = 0; part < parts.size(); ++part) {
    const double weight = task.weight(*context_.data, parts[part]);
    if (weight == 0) continue;  // nothing of it is learned
    const Batch batch = make_batch(*context_.data, parts[part], task.model().device());
    // A stream for each step and micro-batch: what a step draws does not depend on the steps before it.
    RngStream dropout = context_.rng.stream("dropout", context_.site, index, part);
    at::Tensor loss = task.loss(batch, params_, &dropout);
    // The gradient of the mean over the whole batch, however it is split; Task::check() lets no other task be split.
    if (parts.size() > 1) loss = loss.mul(weight / whole);
    loss.backward();
    losses.push_back(loss.detach());
    for (const std::uint32_t example : parts[part]) result.tokens += plan_.lengths()[example];
  }
  for (const at::Tensor& loss : losses) result.loss += loss.item<double>();  // which waits for the device: once a step
  if (!std::isfinite(result.loss)) fail(index, "the loss", result.loss);
  const double norm = clip_gradient(params_, context_.config->clip_norm);
  if (!std::isfinite(norm)) fail(index, "the gradient's norm", norm);
  optimizer_->step(learning_rate_at(*context_.config, index, context_.total_steps));
  return result;
}

void StepLoop::fail(std::uint64_t index, const std::string& what, double value) const {
  const double rate = learning_rate_at(*context_.config, index, context_.total_steps);
  throw Failure("training at site \"" + context_.site + "\": " + what + " is " +
                (std::isnan(value) ? "nan" : std::to_string(value)) + " at step " + std::to_string(index + 1) + " of " +
                std::to_string(context_.total_steps) + " (learning rate " + std::to_string(rate) +
                "): lower train.learning_rate, raise train.warmup_ratio or set train.clip_norm");
}

}  // namespace weft::train
