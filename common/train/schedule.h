// The learning rate of each step of a run. Steps count over all rounds together, so a site that trains in round 3 is
// where the run is, whoever trained before.
// As transformers.optimization defines them: get_{linear,cosine,constant}_schedule_with_warmup.
#pragma once
#include <cstdint>

#include "common/train/train_config.h"

namespace weft::train {

// ceil(total * warmup_ratio), as transformers' Trainer counts them.
std::uint64_t warmup_steps(const TrainConfig& config, std::uint64_t total);

// step in [0, total). The rate rises from 0 during warm-up, so step 0 moves nothing when there is a warm-up.
double learning_rate_at(const TrainConfig& config, std::uint64_t step, std::uint64_t total);

}  // namespace weft::train
