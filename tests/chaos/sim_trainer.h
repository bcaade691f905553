// What a site computes, in place of training: it follows from the site, the round and where it starts, as a real
// trainer's result does.
#pragma once
#include <memory>

#include "common/base/ids.h"
#include "common/fl/local_trainer.h"

namespace weft::chaos {

inline constexpr std::uint32_t kLocalSteps = 5;

StateDict update_of(const SiteId& site, std::uint32_t round, const StateDict& start);

class SimTrainer final : public fl::LocalTrainer {
 public:
  SimTrainer(SiteId site, std::uint64_t examples, std::shared_ptr<const Manifest> manifest, std::string base_digest);
  const fl::SiteFacts& facts() const override { return facts_; }
  fl::TrainResult train(const fl::TrainJob& job, const fl::ProgressFn& progress, std::stop_token stop) override;
  fl::Evaluation evaluate(const StateDict& adapter, const std::string& split, const fl::ProgressFn& progress,
                          std::stop_token stop) override;

 private:
  SiteId site_;
  fl::SiteFacts facts_;
};

}  // namespace weft::chaos
