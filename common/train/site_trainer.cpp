// One round at a site: a fresh optimizer from the broadcast adapter on.
#include "common/train/site_trainer.h"

#include "common/base/result.h"
#include "common/telemetry/rss.h"
#include "common/train/evaluator.h"
#include "common/train/step_loop.h"
#include "common/train/threads.h"

namespace weft::train {
namespace {

StateDict difference(const StateDict& trained, const StateDict& start) {
  StateDict update = trained;
  for (std::size_t i = 0; i < update.values.size(); ++i) update.values[i] -= start.values[i];
  return update;
}

}  // namespace

SiteTrainer::SiteTrainer(SiteTrainerOptions options) : options_(std::move(options)) {
  WEFT_CHECK(options_.task != nullptr, "a trainer needs a task");
  options_.task->check(options_.config);
  const models::Model& model = options_.task->model();
  facts_ = {.base_digest = model.base_digest(), .manifest = model.manifest(), .examples = {}};
  for (const char* name : {"train", "validation", "test"}) {
    const data::EncodedDataset& split = split_named(name);
    options_.task->check(split, std::string("split \"") + name + "\"");
    facts_.examples[name] = split.size();
  }
}

const data::EncodedDataset& SiteTrainer::split_named(const std::string& name) const {
  if (name == "train") return options_.data.train;
  if (name == "validation") return options_.data.validation;
  if (name == "test") return options_.data.test;
  throw Failure("evaluate: got split \"" + name + "\", expected train, validation or test");
}

void SiteTrainer::check_start(const fl::TrainJob& job) const {
  WEFT_CHECK(job.start != nullptr, "a train job needs an adapter to start from");
  if (job.start->manifest == nullptr || !(*job.start->manifest == *facts_.manifest))
    throw Failure("site \"" + job.site +
                  "\": the adapter to start from has other tensors than this site's model makes; "
                  "model and adapter settings must be the run's");
  if (job.round < 1 || job.round > options_.rounds)
    throw Failure("site \"" + job.site + "\": got round " + std::to_string(job.round) + ", the run has rounds 1 to " +
                  std::to_string(options_.rounds));
  if (job.steps > options_.config.local_steps)
    throw Failure("site \"" + job.site + "\": asked for " + std::to_string(job.steps) +
                  " local steps, the run file says at most " + std::to_string(options_.config.local_steps) +
                  " (train.local_steps)");
  if (options_.data.train.size() == 0)
    throw ConfigError("site \"" + job.site + "\": its training split is empty; give it data, or do not list it");
}

fl::TrainResult SiteTrainer::train(const fl::TrainJob& job, const fl::ProgressFn& progress, std::stop_token stop) {
  check_start(job);
  use_threads(options_.threads);
  nn::Trainable params(*job.start, options_.task->model().device(), /*gradients=*/true);
  const TrainConfig& config = options_.config;
  StepLoop loop({.task = options_.task.get(),
                 .data = &options_.data.train,
                 .config = &config,
                 .rng = Rng(options_.seed),
                 .site = job.site,
                 .total_steps = options_.rounds * config.local_steps},
                params);
  // A site that takes fewer steps still begins where the others do: the schedule is the run's.
  const std::uint64_t steps = job.steps > 0 ? job.steps : config.local_steps;
  const StepStats stats = loop.run((job.round - 1) * config.local_steps, steps, progress, stop, job.checkpoint);
  return {.update = difference(params.to_state_dict(), *job.start),
          .examples = options_.data.train.size(),
          .values = {{"loss", stats.loss},
                     {"steps", static_cast<double>(stats.steps)},
                     {"tokens", static_cast<double>(stats.tokens)},
                     {"seconds", stats.seconds},
                     {"peak_rss_bytes", static_cast<double>(telemetry::peak_rss_bytes())}}};
}

fl::Evaluation SiteTrainer::evaluate(const StateDict& adapter, const std::string& split, const fl::ProgressFn& progress,
                                     std::stop_token stop) {
  const data::EncodedDataset& data = split_named(split);
  if (data.size() == 0) return {};
  const Score score = train::evaluate(*options_.task, adapter, data, {.threads = options_.threads}, progress, stop);
  return {.examples = score.examples, .tally = score.tally};
}

}  // namespace weft::train
