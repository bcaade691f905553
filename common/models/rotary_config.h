// How a checkpoint's config.json declares its rotary positions: "rope_parameters" as transformers writes it since
// version 5, or "rope_theta" and "rope_scaling" as before. Which key counts where several say something, and what an
// absent one means, is as in transformers' modeling_rope_utils.
#pragma once
#include "common/models/checkpoint.h"
#include "common/nn/rotary.h"

namespace weft::models {

// Throws ConfigError for a kind of scaling that is not supported, naming it.
nn::RotaryConfig rotary_config(const ModelConfig& config, std::int64_t head_dim);

// How many tokens a sequence may have. yarn was made to carry a model as far as its factor says, and many configs
// declare it beside the "max_position_embeddings" of before: then factor times the original positions count.
std::int64_t rotary_positions(const ModelConfig& config, const nn::RotaryConfig& rotary);

}  // namespace weft::models
