// How a checkpoint's config.json declares its rotary positions: "rope_parameters" as transformers writes it since
// version 5, or "rope_theta" and "rope_scaling" as before.
#pragma once
#include "common/models/checkpoint.h"
#include "common/nn/rotary.h"

namespace weft::models {

// Throws ConfigError for a kind of scaling that is not supported, naming it.
nn::RotaryConfig rotary_config(const ModelConfig& config, std::int64_t head_dim);

}  // namespace weft::models
