// The tiny ViT, DeiT and CLIP models of scripts/make_vision_fixtures.py.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "common/models/model.h"
#include "tests/models/adapter_support.h"
#include "tests/models/decoder_support.h"

namespace weft::models {

// Square pictures by the script's formula, [N, 3, side, side].
at::Tensor drawn_pictures(std::int64_t count, std::int64_t side);

// With LoRA r=2, alpha=4 on all linear layers, and three classes where it classifies.
ModelRequest vision_request(const std::filesystem::path& folder, TaskKind task);
std::shared_ptr<const Model> load_vision(const std::string& name, TaskKind task);

// Mean of both directions' cross-entropy; text n belongs to picture n.
at::Tensor contrastive_scores(const Model& model, const nn::Trainable& params, const Inputs& inputs);
at::Tensor contrastive_loss(const at::Tensor& scores);

// All gradients are those called gradient/NAME, and there are no others.
void expect_gradients(const DecoderGolden& golden, const nn::Trainable& params);

}  // namespace weft::models
