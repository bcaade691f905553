#include "tests/chaos/sim_trainer.h"

#include <array>
#include <cmath>

#include "common/base/digest.h"
#include "common/base/rng.h"
#include "tests/chaos/machine.h"

namespace weft::chaos {
namespace {

// What is kept of a training: its steps, and what they start from.
std::string kept_text(const SiteId& site, const fl::TrainJob& job, std::uint32_t steps) {
  return std::to_string(steps) + " steps of " + site.name + " in round " + std::to_string(job.round) + " from " +
         job.start->digest();
}

// Steps that a process which was killed has done. Throws Broken for what is not of this very training.
std::uint32_t steps_done(const SiteId& site, const fl::TrainJob& job) {
  const std::optional<Bytes> kept = job.checkpoint->load();
  if (!kept) return 0;
  const std::string text(as_text(*kept));
  const auto steps = static_cast<std::uint32_t>(std::stoul(text));
  if (text != kept_text(site, job, steps)) throw Broken{"site " + site.name + " goes on with " + text};
  return steps;
}

}  // namespace

StateDict update_of(const SiteId& site, std::uint32_t round, const StateDict& start) {
  StateDict update = start;
  RngStream random = Rng(1).stream("update", site.name, round);
  std::array<float, 251> drawn;  // a prime: no two chunks are alike
  for (float& value : drawn) value = static_cast<float>(random.next_u32() >> 8) * 0x1p-27F;
  for (std::size_t i = 0; i < update.values.size(); ++i)
    update.values[i] = drawn[i % drawn.size()] - 0.05F * update.values[i];
  return update;
}

SimTrainer::SimTrainer(SiteId site, std::uint64_t examples, std::shared_ptr<const Manifest> manifest,
                       std::string base_digest, HowToTrain& how)
    : site_(std::move(site)),
      facts_{.base_digest = std::move(base_digest),
             .manifest = std::move(manifest),
             .examples = {{"train", examples}, {"validation", 100 + examples}, {"test", 200}}},
      how_(how) {}

fl::TrainResult SimTrainer::train(const fl::TrainJob& job, const fl::ProgressFn& /*progress*/,
                                  std::stop_token /*stop*/) {
  const std::uint32_t steps = job.steps > 0 ? job.steps : kLocalSteps, first = steps_done(site_, job);
  how_.resumed += first > 0 ? 1 : 0;
  for (std::uint32_t step = first; step < steps; ++step) {
    how_.clock.ahead += how_.step;
    if (job.checkpoint->due()) job.checkpoint->save(as_bytes(kept_text(site_, job, step + 1)));
  }
  StateDict update = update_of(site_, job.round, *job.start);
  if (how_.spoils(job.round)) update.values[0] = job.round % 2 == 0 ? NAN : 1e6F;
  return {.update = std::move(update),
          .examples = facts_.examples.at("train"),
          .values = {{"loss", 1.0 / job.round}, {"steps", steps}, {"seconds", 30.0 * steps / kLocalSteps}}};
}

fl::Evaluation SimTrainer::evaluate(const StateDict& adapter, const std::string& split,
                                    const fl::ProgressFn& /*progress*/, std::stop_token /*stop*/) {
  const std::uint64_t examples = facts_.examples.at(split);
  const auto count = static_cast<double>(examples);
  const double right = std::floor(count * (0.5 + 0.4 * std::sin(10 * adapter.values[0])));
  return {.examples = examples, .tally = {{{"confusion", {right, count - right, 0, 0}}, {"loss", {count, count}}}}};
}

}  // namespace weft::chaos
