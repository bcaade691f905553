// CLIP: a causal encoder of texts and an encoder of pictures, each with a linear map into one space, and the scale of
// similarities there. A text's embedding is that of its end token, a picture's that of its class row.
// logit_scale stays frozen unless adapter.modules_to_save names it: PEFT itself trains modules alone, but loads it.
// Source: Radford et al. 2021, arXiv:2103.00020; names as in transformers' CLIPModel.
#include <algorithm>

#include "common/models/network.h"
#include "common/models/packed_check.h"
#include "common/models/patches.h"
#include "common/models/registry.h"
#include "common/models/tower.h"
#include "common/nn/embedding.h"
#include "common/nn/host_copy.h"

namespace weft::models {
namespace {

// Old files have a second section, which counts where it is there: transformers fills it up with defaults alone.
ModelConfig section_of(const ModelBuilder& builder, const std::string& name) {
  const std::string second = name + "_dict";
  return builder.config().section(builder.config().has(second) ? second : name);
}

struct TowerDefaults {
  std::int64_t width, heads, inner_width;
};
constexpr TowerDefaults kTextDefaults{512, 8, 2048}, kVisionDefaults{768, 12, 3072};

TowerConfig tower_config(const ModelBuilder& builder, const ModelConfig& section, const TowerDefaults& defaults) {
  return {.width = section.positive_or("hidden_size", defaults.width),
          .layers = section.layers("num_hidden_layers", 12),
          .heads = section.positive_or("num_attention_heads", defaults.heads),
          .inner_width = section.positive_or("intermediate_size", defaults.inner_width),
          .epsilon = section.number("layer_norm_eps", 1e-5),
          .hidden_dropout = 0,
          .attention_dropout = builder.request().base_dropout.value_or(section.probability("attention_dropout", 0.0)),
          .activation = section.activation("hidden_act", "quick_gelu"),
          .attention_bias = true,
          .causal = false};
}

TowerNames tower_names(const std::string& prefix, const std::string& final_norm) {
  return {.layer = prefix + "encoder.layers.",
          .query = "self_attn.q_proj",
          .key = "self_attn.k_proj",
          .value = "self_attn.v_proj",
          .attention_out = "self_attn.out_proj",
          .attention_norm = "layer_norm1",
          .up = "mlp.fc1",
          .down = "mlp.fc2",
          .inner_norm = "layer_norm2",
          .final_norm = prefix + final_norm};
}

class TextTower {
 public:
  TextTower(ModelBuilder& builder, const ModelConfig& section, std::int64_t embedding)
      : device_(builder.request().device),
        vocabulary_(section.positive_or("vocab_size", 49408)),
        positions_(section.positive_or("max_position_embeddings", 77)),
        end_token_(section.count("eos_token_id", 49407)) {
    TowerConfig config = tower_config(builder, section, kTextDefaults);
    config.causal = true;
    token_table_ = builder.embedding("text_model.embeddings.token_embedding", vocabulary_, config.width);
    position_table_ = builder.embedding("text_model.embeddings.position_embedding", positions_, config.width);
    tower_ = std::make_unique<const Tower>(builder, config, tower_names("text_model.", "final_layer_norm"));
    projection_ = builder.linear("text_projection", config.width, embedding, {.bias = false});
  }

  std::int64_t max_positions() const { return positions_; }
  at::Tensor operator()(const Step& step, const nn::Packed& batch) const {
    check_packed(batch, positions_, vocabulary_);
    const at::Tensor x = token_table_(step, batch.ids_T).add(position_table_(step, batch.position_T));
    return projection_(step, tower_->states(step, x, batch, pooled_rows(batch)));
  }

 private:
  // The first end token of each text. Configs from before transformers 4.31 say 2 whatever the end token is: then it is
  // the largest id. A text without one is read at its first token, as transformers reads it.
  Rows pooled_rows(const nn::Packed& batch) const {
    constexpr std::int64_t kUnknown = 2;
    const at::Tensor ids = batch.ids_T.cpu().contiguous();
    const std::int64_t* id = ids.const_data_ptr<std::int64_t>();
    std::vector<std::int64_t> rows;
    bool all_last = true;
    for (std::size_t n = 0; n + 1 < batch.starts.size(); ++n) {
      const std::int64_t *begin = id + batch.starts[n], *end = id + batch.starts[n + 1];
      const std::int64_t* found =
          end_token_ == kUnknown ? std::max_element(begin, end) : std::find(begin, end, end_token_);
      if (found == end) found = begin;
      all_last = all_last && found + 1 == end;
      rows.push_back(found - id);
    }
    return all_last ? Rows::last() : Rows::chosen(nn::sent(rows, device_));
  }

  at::Device device_;
  std::int64_t vocabulary_, positions_, end_token_;
  Embedding token_table_, position_table_;
  std::unique_ptr<const Tower> tower_;
  Linear projection_;
};

class VisionTower {
 public:
  VisionTower(ModelBuilder& builder, const ModelConfig& section, std::int64_t embedding) {
    const TowerConfig config = tower_config(builder, section, kVisionDefaults);
    const PatchConfig patches = patch_config(section, config.width, 32);
    const std::string at = "vision_model.embeddings.";
    PatchParts parts;
    parts.weight_D3PP = builder.parameter(at + "patch_embedding.weight", patches.weight_shape());
    parts.special = {builder.parameter(at + "class_embedding", {config.width})};
    parts.positions = builder.table(at + "position_embedding", patches.patches() + 1, config.width);
    patches_ = Patches(patches, std::move(parts));
    first_norm_ = builder.norm("vision_model.pre_layrnorm", config.width, config.epsilon);
    tower_ = std::make_unique<const Tower>(builder, config, tower_names("vision_model.", "post_layernorm"));
    projection_ = builder.linear("visual_projection", config.width, embedding, {.bias = false});
  }

  std::int64_t rows() const { return patches_.rows(); }
  at::Tensor operator()(const Step& step, const at::Tensor& pixels) const {
    const at::Tensor x = first_norm_(step, patches_(step, pixels));
    return projection_(step, tower_->states(step, x, patches_.packed(pixels.size(0)), Rows::first()));
  }

 private:
  Patches patches_;
  Norm first_norm_;
  std::unique_ptr<const Tower> tower_;
  Linear projection_;
};

class Clip final : public Network {
 public:
  explicit Clip(ModelBuilder& builder)
      : text_(builder, section_of(builder, "text_config"), builder.config().positive_or("projection_dim", 512)),
        vision_(builder, section_of(builder, "vision_config"), builder.config().positive_or("projection_dim", 512)),
        logit_scale_(builder.parameter("logit_scale", {})) {}

  std::int64_t max_positions() const override { return text_.max_positions(); }
  std::int64_t image_rows() const override { return vision_.rows(); }
  at::Tensor text_embeddings(const Step& step, const Inputs& inputs) const override {
    return text_(step, inputs.tokens);
  }
  at::Tensor image_embeddings(const Step& step, const Inputs& inputs) const override {
    return vision_(step, inputs.pixels_N3HW);
  }
  at::Tensor logit_scale(const Step& step) const override { return logit_scale_(step); }

 private:
  TextTower text_;
  VisionTower vision_;
  Parameter logit_scale_;
};

}  // namespace

std::unique_ptr<const Network> build_clip(ModelBuilder& builder) { return std::make_unique<const Clip>(builder); }

}  // namespace weft::models
