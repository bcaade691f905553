// The encoder of ViT and of both halves of CLIP: pre-norm layers over one residual stream, then a final norm. What goes
// into the first layer is the family's matter: patches of pictures or tokens of texts.
// The last layer works past attention only on the rows that are asked for, and no gradient is computed below the lowest
// trained tensor.
// Suffixes: T packed rows · R asked rows · D width.
// Sources: Dosovitskiy et al. 2020, arXiv:2010.11929; Radford et al. 2021, arXiv:2103.00020.
#pragma once
#include <string>
#include <vector>

#include "common/models/builder.h"
#include "common/models/linear.h"
#include "common/models/norm.h"
#include "common/models/step.h"
#include "common/nn/activation.h"
#include "common/nn/attention.h"

namespace weft::models {

struct TowerConfig {
  std::int64_t width, layers, heads, inner_width;
  double epsilon;
  double hidden_dropout = 0, attention_dropout = 0;
  nn::Activation activation = nn::Activation::gelu;
  bool attention_bias = true;  // of query, key and value
  bool causal = false;
};

// Names in the model with its head. Those of a layer follow `layer` and its index.
struct TowerNames {
  std::string layer;  // "vit.layers."
  std::string query, key, value, attention_out, attention_norm, up, down, inner_norm;
  std::string final_norm;
};

class Tower {
 public:
  Tower(ModelBuilder& builder, const TowerConfig& config, const TowerNames& names);
  // Of embedded rows x: the final norm of the asked ones, [R, D]. Of `batch` only starts are read.
  at::Tensor states(const Step& step, const at::Tensor& x_TD, const nn::Packed& batch, const Rows& rows) const;

 private:
  struct Layer {
    Norm attention_norm, inner_norm;
    Linear qkv, attention_out, up, down;
    Linear query, key_value;  // the last layer's: parts of its qkv
  };
  Layer read_layer(ModelBuilder& builder, const TowerNames& names, std::int64_t index) const;
  at::Tensor attend(const Step& step, const Layer& layer, const nn::AttentionShape& shape,
                    const at::Tensor& normed_TD) const;
  at::Tensor attend_once(const Step& step, const nn::AttentionShape& shape, const at::Tensor& normed_TD,
                         const at::Tensor& indices_N) const;

  TowerConfig config_;
  at::Device device_;
  std::vector<Layer> layers_;
  Norm final_norm_;
};

}  // namespace weft::models
