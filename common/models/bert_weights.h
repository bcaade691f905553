// The frozen tensors of a BERT checkpoint, and the one place that knows their Hugging Face names.
// Source of the architecture: Devlin et al. 2018, arXiv:1810.04805; of the names: transformers' BertModel.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/models/checkpoint.h"
#include "common/models/classifier.h"
#include "common/nn/embedding.h"
#include "common/nn/frozen_linear.h"
#include "common/nn/residual_norm.h"

namespace weft::models {

struct BertConfig {
  std::int64_t vocabulary, width, layers, heads, inner_width, positions, segments;
  double epsilon, hidden_dropout, attention_dropout, classifier_dropout, initializer_range;

  // Throws ConfigError for what is missing, of a wrong type, or not supported.
  static BertConfig parse(const ModelConfig& config, std::optional<double> base_dropout);
};

struct BertLayer {
  std::shared_ptr<const nn::FrozenLinear> qkv, attention_out, up, down;  // qkv: three stacked, [3D, D]
  std::shared_ptr<const nn::FrozenLinear> query, key_value;              // the last layer's: views of its qkv
  nn::NormWeights attention_norm, output_norm;
};

struct BertWeights {
  nn::EmbeddingTables embeddings;
  std::vector<BertLayer> layers;
  at::Tensor pooler_weight_DD, pooler_bias_D;
  at::Tensor classifier_weight_CD, classifier_bias_C;  // undefined when the checkpoint has no classifier
};

BertWeights load_bert_weights(const Checkpoint& checkpoint, const BertConfig& config, std::int64_t classes,
                              at::Device device);

// Names of the modules that an adapter may target, as in the checkpoint below "bert.":
// "encoder.layer.0.attention.self.query".
namespace bert_names {
inline std::string layer(std::int64_t index) { return "encoder.layer." + std::to_string(index) + "."; }
inline constexpr const char* kQuery = "attention.self.query";
inline constexpr const char* kKey = "attention.self.key";
inline constexpr const char* kValue = "attention.self.value";
inline constexpr const char* kAttentionOut = "attention.output.dense";
inline constexpr const char* kUp = "intermediate.dense";
inline constexpr const char* kDown = "output.dense";
inline constexpr const char* kPooler = "pooler.dense";
}  // namespace bert_names

}  // namespace weft::models
