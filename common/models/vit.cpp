// ViT and DeiT: pictures as packed patches behind [CLS], and a linear head on its final state. DeiT has a second row
// ahead of its patches, which learned from a teacher; as in DeiTForImageClassification it takes part and is not read.
// Names are those of transformers 5; files have those of 4 (family_names.cpp).
// Sources: Dosovitskiy et al. 2020, arXiv:2010.11929; Touvron et al. 2020, arXiv:2012.12877.
#include "common/models/network.h"
#include "common/models/patches.h"
#include "common/models/registry.h"
#include "common/models/tower.h"

namespace weft::models {
namespace {

TowerConfig tower_config(const ModelBuilder& builder) {
  const ModelConfig& config = builder.config();
  return {.width = config.positive("hidden_size"),
          .layers = config.layers("num_hidden_layers"),
          .heads = config.positive("num_attention_heads"),
          .inner_width = config.positive("intermediate_size"),
          .epsilon = config.number("layer_norm_eps", 1e-12),
          .hidden_dropout = builder.dropout("hidden_dropout_prob", 0.0),
          .attention_dropout = builder.dropout("attention_probs_dropout_prob", 0.0),
          .activation = config.activation("hidden_act"),
          .attention_bias = config.flag("qkv_bias", true),
          .causal = false};
}

TowerNames tower_names(const std::string& prefix) {
  return {.layer = prefix + "layers.",
          .query = "attention.q_proj",
          .key = "attention.k_proj",
          .value = "attention.v_proj",
          .attention_out = "attention.o_proj",
          .attention_norm = "layernorm_before",
          .up = "mlp.fc1",
          .down = "mlp.fc2",
          .inner_norm = "layernorm_after",
          .final_norm = prefix + "layernorm"};
}

Patches read_patches(ModelBuilder& builder, const std::string& prefix, const std::vector<std::string>& special) {
  const std::int64_t width = builder.config().positive("hidden_size");
  const PatchConfig config = patch_config(builder.config(), width, 16);
  const std::string at = prefix + "embeddings.";
  PatchParts parts;
  parts.weight_D3PP = builder.parameter(at + "patch_embeddings.projection.weight", config.weight_shape());
  parts.bias_D = builder.parameter(at + "patch_embeddings.projection.bias", {width});
  for (const std::string& name : special) parts.special.push_back(builder.parameter(at + name, {1, 1, width}));
  const std::int64_t rows = config.patches() + std::ssize(special);
  parts.positions = builder.parameter(at + "position_embeddings", {1, rows, width});
  return {config, std::move(parts)};
}

class Vit final : public Network {
 public:
  Vit(ModelBuilder& builder, const std::string& prefix, const std::vector<std::string>& special)
      : patches_(read_patches(builder, prefix, special)),
        tower_(builder, tower_config(builder), tower_names(prefix)),
        dropout_(builder.dropout("hidden_dropout_prob", 0.0)),
        classifier_(builder.head("classifier", builder.config().positive("hidden_size"), builder.classes())) {}

  std::int64_t max_positions() const override { return 0; }
  std::int64_t image_rows() const override { return patches_.rows(); }
  at::Tensor image_logits(const Step& step, const Inputs& inputs) const override {
    const at::Tensor x = nn::apply_dropout(patches_(step, inputs.pixels_N3HW), nn::Dropout::draw(step.rng, dropout_));
    const nn::Packed batch = patches_.packed(inputs.pixels_N3HW.size(0));
    return classifier_(step, tower_.states(step, x, batch, Rows::first()));
  }

 private:
  Patches patches_;
  Tower tower_;
  double dropout_;
  Linear classifier_;
};

}  // namespace

std::unique_ptr<const Network> build_vit(ModelBuilder& builder) {
  return std::make_unique<const Vit>(builder, "vit.", std::vector<std::string>{"cls_token"});
}

std::unique_ptr<const Network> build_deit(ModelBuilder& builder) {
  return std::make_unique<const Vit>(builder, "deit.", std::vector<std::string>{"cls_token", "distillation_token"});
}

}  // namespace weft::models
