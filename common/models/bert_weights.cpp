#include "common/models/bert_weights.h"

#include <ATen/ops/cat.h>

namespace weft::models {
namespace {

using Linear = std::shared_ptr<const nn::FrozenLinear>;

class Reader {
 public:
  Reader(const Checkpoint& checkpoint, const BertConfig& config, at::Device device)
      : config_(config),
        in_(checkpoint, checkpoint.has("bert.embeddings.word_embeddings.weight") ? "bert." : "", device) {}

  TensorReader& tensors() { return in_; }

  nn::EmbeddingTables embeddings() {
    return {.word_VD = in_.view("embeddings.word_embeddings.weight", {config_.vocabulary, config_.width}),
            .position_PD = in_.view("embeddings.position_embeddings.weight", {config_.positions, config_.width}),
            .type_SD = in_.view("embeddings.token_type_embeddings.weight", {config_.segments, config_.width}),
            .norm = norm("embeddings.LayerNorm")};
  }

  BertLayer layer(std::int64_t index) {
    const std::string name = bert_names::layer(index);
    const std::int64_t width = config_.width, inner = config_.inner_width;
    BertLayer layer;
    layer.qkv = stacked({name + bert_names::kQuery, name + bert_names::kKey, name + bert_names::kValue});
    layer.query = layer.qkv->outputs(0, width);
    layer.key_value = layer.qkv->outputs(width, 3 * width);
    layer.attention_out = linear(name + bert_names::kAttentionOut, width, width);
    layer.attention_norm = norm(name + "attention.output.LayerNorm");
    layer.up = linear(name + bert_names::kUp, width, inner);
    layer.down = linear(name + bert_names::kDown, inner, width);
    layer.output_norm = norm(name + "output.LayerNorm");
    return layer;
  }

 private:
  Linear linear(const std::string& name, std::int64_t in, std::int64_t out) {
    return nn::frozen_fp32(in_.copy(name + ".weight", {out, in}), in_.copy(name + ".bias", {out}));
  }

  Linear stacked(const std::vector<std::string>& names) {
    std::vector<at::Tensor> weights, biases;
    for (const std::string& name : names) {
      weights.push_back(in_.copy(name + ".weight", {config_.width, config_.width}));
      biases.push_back(in_.copy(name + ".bias", {config_.width}));
    }
    return nn::frozen_fp32(at::cat(weights, 0), at::cat(biases, 0));
  }

  // Checkpoints converted from TensorFlow call scale and shift gamma and beta.
  nn::NormWeights norm(const std::string& name) {
    const bool old = in_.has(name + ".gamma");
    return {.scale_D = in_.copy(name + (old ? ".gamma" : ".weight"), {config_.width}),
            .shift_D = in_.copy(name + (old ? ".beta" : ".bias"), {config_.width}),
            .epsilon = config_.epsilon};
  }

  const BertConfig& config_;
  TensorReader in_;
};

void check_supported(const ModelConfig& config) {
  const std::string act = config.text("hidden_act"), place = config.text("position_embedding_type", "absolute");
  if (act != "gelu") config.fail("\"hidden_act\" is \"" + act + "\"; only \"gelu\" is supported");
  if (place != "absolute")
    config.fail("\"position_embedding_type\" is \"" + place + "\"; only \"absolute\" is supported");
}

}  // namespace

BertConfig BertConfig::parse(const ModelConfig& config, std::optional<double> base_dropout) {
  check_supported(config);
  BertConfig parsed{.vocabulary = config.positive("vocab_size"),
                    .width = config.positive("hidden_size"),
                    .layers = config.positive("num_hidden_layers"),
                    .heads = config.positive("num_attention_heads"),
                    .inner_width = config.positive("intermediate_size"),
                    .positions = config.positive("max_position_embeddings"),
                    .segments = config.positive("type_vocab_size"),
                    .epsilon = config.number("layer_norm_eps", 1e-12),
                    .hidden_dropout = config.probability("hidden_dropout_prob", 0.1),
                    .attention_dropout = config.probability("attention_probs_dropout_prob", 0.1),
                    .classifier_dropout = 0,
                    .initializer_range = config.number("initializer_range", 0.02)};
  parsed.classifier_dropout = config.probability("classifier_dropout", parsed.hidden_dropout);
  if (parsed.width % parsed.heads != 0)
    config.fail("\"hidden_size\" " + std::to_string(parsed.width) + " is not a multiple of \"num_attention_heads\" " +
                std::to_string(parsed.heads));
  if (base_dropout) parsed.hidden_dropout = parsed.attention_dropout = parsed.classifier_dropout = *base_dropout;
  return parsed;
}

BertWeights load_bert_weights(const Checkpoint& checkpoint, const BertConfig& config, std::int64_t classes,
                              at::Device device) {
  Reader reader(checkpoint, config, device);
  BertWeights weights;
  weights.embeddings = reader.embeddings();
  for (std::int64_t i = 0; i < config.layers; ++i) weights.layers.push_back(reader.layer(i));
  TensorReader& tensors = reader.tensors();
  weights.pooler_weight_DD = tensors.copy("pooler.dense.weight", {config.width, config.width});
  weights.pooler_bias_D = tensors.copy("pooler.dense.bias", {config.width});
  if (checkpoint.has("classifier.weight")) {
    weights.classifier_weight_CD = tensors.copy_absolute("classifier.weight", {classes, config.width});
    weights.classifier_bias_C = tensors.copy_absolute("classifier.bias", {classes});
  }
  // Stored by old versions of transformers, and the heads of pre-training.
  for (const char* unused : {"embeddings.position_ids", "bert.embeddings.position_ids", "cls."})
    tensors.ignore_below(unused);
  tensors.finish();
  return weights;
}

}  // namespace weft::models
