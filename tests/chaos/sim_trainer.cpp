#include "tests/chaos/sim_trainer.h"

#include <cmath>

#include "common/base/rng.h"

namespace weft::chaos {

StateDict update_of(const SiteId& site, std::uint32_t round, const StateDict& start) {
  StateDict update = start;
  RngStream random = Rng(1).stream("update", site.name, round);
  for (float& value : update.values) value = static_cast<float>(random.next_u32() >> 8) * 0x1p-27F - 0.05F * value;
  return update;
}

SimTrainer::SimTrainer(SiteId site, std::uint64_t examples, std::shared_ptr<const Manifest> manifest,
                       std::string base_digest)
    : site_(std::move(site)),
      facts_{.base_digest = std::move(base_digest),
             .manifest = std::move(manifest),
             .examples = {{"train", examples}, {"validation", 100 + examples}, {"test", 200}}} {}

fl::TrainResult SimTrainer::train(const fl::TrainJob& job, const fl::ProgressFn& /*progress*/,
                                  std::stop_token /*stop*/) {
  const std::uint32_t steps = job.steps > 0 ? job.steps : kLocalSteps;
  return {.update = update_of(site_, job.round, *job.start),
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
