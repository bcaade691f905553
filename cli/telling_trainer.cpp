#include "cli/telling_trainer.h"

#include "common/base/log.h"
#include "common/metrics/registry.h"
#include "common/telemetry/table.h"

namespace weft::cli {
namespace {

class TellingTrainer final : public fl::LocalTrainer {
 public:
  TellingTrainer(std::unique_ptr<fl::LocalTrainer> trainer, std::string primary)
      : trainer_(std::move(trainer)), primary_(std::move(primary)) {}

  const fl::SiteFacts& facts() const override { return trainer_->facts(); }

  fl::TrainResult train(const fl::TrainJob& job, const fl::ProgressFn& progress, std::stop_token stop) override {
    const std::string round = "round " + std::to_string(job.round) + ": ";
    std::uint64_t told = 0;  // quarters
    const auto telling = [&](const fl::TrainProgress& now) {
      if (progress) progress(now);
      const std::uint64_t quarter = now.total == 0 ? 0 : 4 * now.done / now.total;
      if (quarter == told || now.done == now.total) return;
      told = quarter;
      log::info(round + "step " + std::to_string(now.done) + " of " + std::to_string(now.total) + ", " +
                telemetry::fixed(now.tokens_per_second, 0) + " tokens/s");
    };
    log::info(round + "training");
    fl::TrainResult result = trainer_->train(job, telling, std::move(stop));
    const auto value = [&](const char* name) {
      const auto found = result.values.find(name);
      return found == result.values.end() ? 0.0 : found->second;
    };
    log::info(round + "trained " + telemetry::fixed(value("steps"), 0) + " steps in " +
              telemetry::fixed(value("seconds"), 1) + " s, loss " + telemetry::fixed(value("loss"), 4));
    return result;
  }

  fl::Evaluation evaluate(const StateDict& adapter, const std::string& split, const fl::ProgressFn& progress,
                          std::stop_token stop) override {
    const fl::Evaluation result = trainer_->evaluate(adapter, split, progress, std::move(stop));
    const std::string values = metrics::shown(metrics::listed(result.tally, primary_));
    log::info("scored " + std::to_string(result.examples) + " " + split + " examples" +
              (values.empty() ? "" : ", " + values));
    return result;
  }

 private:
  std::unique_ptr<fl::LocalTrainer> trainer_;
  std::string primary_;
};

}  // namespace

std::unique_ptr<fl::LocalTrainer> telling(std::unique_ptr<fl::LocalTrainer> trainer, std::string primary) {
  return std::make_unique<TellingTrainer>(std::move(trainer), std::move(primary));
}

}  // namespace weft::cli
