// The forward pass. What autograd needs is kept by the fused layers; nothing here is specific to training.
#include "common/models/encoder.h"

#include <ATen/ops/add.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cumsum.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "common/base/result.h"
#include "common/models/packed_check.h"

namespace weft::models {

EncoderNames bert_encoder_names(const std::string& prefix) {
  return {.embeddings = prefix + "embeddings.",
          .layer = prefix + "encoder.layer.",
          .query = "attention.self.query",
          .key = "attention.self.key",
          .value = "attention.self.value",
          .attention_out = "attention.output.dense",
          .attention_norm = "attention.output.LayerNorm",
          .up = "intermediate.dense",
          .down = "output.dense",
          .output_norm = "output.LayerNorm"};
}

EncoderConfig bert_encoder_config(const ModelBuilder& builder) {
  const ModelConfig& config = builder.config();
  const std::string place = config.text("position_embedding_type", "absolute");
  if (place != "absolute")
    config.fail("\"position_embedding_type\" is \"" + place + "\"; only \"absolute\" is supported");
  return {.vocabulary = config.positive("vocab_size"),
          .width = config.positive("hidden_size"),
          .layers = config.layers("num_hidden_layers"),
          .heads = config.positive("num_attention_heads"),
          .inner_width = config.positive("intermediate_size"),
          .positions = config.positive("max_position_embeddings"),
          .segments = config.positive("type_vocab_size"),
          .epsilon = config.number("layer_norm_eps", 1e-12),
          .hidden_dropout = builder.dropout("hidden_dropout_prob", 0.1),
          .attention_dropout = builder.dropout("attention_probs_dropout_prob", 0.1),
          .projection_dropout = builder.dropout("hidden_dropout_prob", 0.1),
          .activation = config.activation("hidden_act")};
}

Encoder::Encoder(ModelBuilder& builder, const EncoderConfig& config, const EncoderNames& names)
    : config_(config), device_(builder.request().device) {
  if (config.width % config.heads != 0)
    builder.config().fail("the width " + std::to_string(config.width) + " is not a multiple of " +
                          std::to_string(config.heads) + " attention heads");
  const std::string& at = names.embeddings;
  word_ = builder.embedding(at + "word_embeddings", config.vocabulary, config.width,
                            builder.padding_row(config.vocabulary, config.padding_token < 0 ? 0 : 1));
  position_ = builder.embedding(at + "position_embeddings", config.positions, config.width, config.padding_token);
  if (config.segments > 0) type_ = builder.embedding(at + "token_type_embeddings", config.segments, config.width);
  embedding_norm_ = builder.norm(at + "LayerNorm", config.width, config.epsilon);
  if (!word_.trained() && !position_.trained() && !type_.trained() && !embedding_norm_.trained()) {
    tables_.word_VD = word_.frozen();
    tables_.position_PD = position_.frozen();
    tables_.type_SD = type_.defined() ? type_.frozen() : at::zeros({1, config.width}, at::kFloat).to(device_);
    tables_.norm = embedding_norm_.frozen();
  }
  for (std::int64_t i = 0; i < config.layers; ++i) layers_.push_back(read_layer(builder, names, i));
  layers_.back().query = layers_.back().qkv.modules(0, 1);
  layers_.back().key_value = layers_.back().qkv.modules(1, 2);
}

Encoder::Layer Encoder::read_layer(ModelBuilder& builder, const EncoderNames& names, std::int64_t index) const {
  const std::string name = names.layer + std::to_string(index) + ".";
  const std::int64_t width = config_.width, inner = config_.inner_width;
  Layer layer;
  layer.qkv = builder.stacked({name + names.query, name + names.key, name + names.value}, width, {width, width, width});
  layer.attention_out = builder.linear(name + names.attention_out, width, width);
  layer.attention_norm = builder.norm(name + names.attention_norm, width, config_.epsilon);
  layer.up = builder.linear(name + names.up, width, inner);
  layer.down = builder.linear(name + names.down, inner, width);
  layer.output_norm = builder.norm(name + names.output_norm, width, config_.epsilon);
  return layer;
}

at::Tensor Encoder::rows_of_positions(const nn::Packed& batch) const {
  if (config_.padding_token < 0) return batch.position_T;
  const at::Tensor counts = batch.ids_T.ne(config_.padding_token).to(at::kLong);
  // The running count goes over the whole row; what it was at a sequence's first token does not count.
  const at::Tensor running = at::cumsum(counts, 0);
  const at::Tensor first_T = at::arange(counts.numel(), counts.options()).sub(batch.position_T);
  const at::Tensor before = at::index_select(running.sub(counts), 0, first_T);
  return running.sub(before).mul(counts).add(config_.padding_token);
}

at::Tensor Encoder::embedding(const Step& step, const nn::Packed& batch) const {
  if (!tables_.word_VD.defined()) return trained_embedding(step, batch);
  const nn::Dropout dropout = nn::Dropout::draw(step.rng, config_.hidden_dropout);
  nn::Packed placed = batch;
  placed.position_T = rows_of_positions(batch);
  if (config_.segments == 0) placed.type_ids_T = at::zeros_like(batch.type_ids_T);
  return nn::embed(placed, tables_, dropout);
}

at::Tensor Encoder::trained_embedding(const Step& step, const nn::Packed& batch) const {
  at::Tensor x = word_(step, batch.ids_T);
  if (type_.defined()) x = at::add(x, type_(step, batch.type_ids_T));
  x = at::add(x, position_(step, rows_of_positions(batch)));
  return nn::apply_dropout(embedding_norm_(step, x), nn::Dropout::draw(step.rng, config_.hidden_dropout));
}

at::Tensor Encoder::whole_layer(const Step& step, const Layer& layer, const nn::AttentionShape& shape,
                                const at::Tensor& x_TD) const {
  const at::Tensor qkv = layer.qkv.product(step, x_TD);
  const at::Tensor attended =
      nn::self_attention(qkv, layer.qkv.bias(), shape, nn::Dropout::draw(step.rng, config_.attention_dropout));
  return after_attention(step, layer, attended, x_TD);
}

// With one row a sequence: keys and values of all tokens; queries, and all that follows, of the asked ones only.
at::Tensor Encoder::last_layer(const Step& step, const nn::Packed& batch, const at::Tensor& x_TD,
                               const Rows& rows) const {
  const Layer& layer = layers_.back();
  const nn::AttentionShape shape{config_.heads, batch.starts};
  if (rows.kind == Rows::Kind::all) return whole_layer(step, layer, shape, x_TD);
  const at::Tensor indices = rows.indices(batch, device_);
  const at::Tensor asked = at::index_select(x_TD, 0, indices);
  if (rows.one_a_sequence()) {
    const at::Tensor q = layer.query.product(step, asked), kv = layer.key_value.product(step, x_TD);
    const at::Tensor attended =
        nn::pooled_attention(q, kv, layer.qkv.bias(), shape, nn::Dropout::draw(step.rng, config_.attention_dropout));
    return after_attention(step, layer, attended, asked);
  }
  const at::Tensor qkv = layer.qkv.product(step, x_TD);
  const at::Tensor attended =
      nn::self_attention(qkv, layer.qkv.bias(), shape, nn::Dropout::draw(step.rng, config_.attention_dropout));
  return after_attention(step, layer, at::index_select(attended, 0, indices), asked);
}

at::Tensor Encoder::after_attention(const Step& step, const Layer& layer, const at::Tensor& attended,
                                    const at::Tensor& residual) const {
  const at::Tensor out = layer.attention_out.product(step, attended);
  const at::Tensor x = layer.attention_norm.after(step, out, layer.attention_out.bias(), residual,
                                                  nn::Dropout::draw(step.rng, config_.projection_dropout));
  const at::Tensor inner = nn::bias_activation(layer.up.product(step, x), layer.up.bias(), config_.activation);
  const at::Tensor down = layer.down.product(step, inner);
  return layer.output_norm.after(step, down, layer.down.bias(), x, nn::Dropout::draw(step.rng, config_.hidden_dropout));
}

at::Tensor Encoder::states_after(const Step& step, const nn::Packed& batch, std::int64_t layers) const {
  WEFT_CHECK(batch.type_ids_T.numel() == batch.ids_T.numel(), "a packed batch whose parts differ in length");
  check_packed(batch, max_positions(), config_.vocabulary);
  const nn::AttentionShape shape{config_.heads, batch.starts};
  at::Tensor x = embedding(step, batch);
  for (std::int64_t i = 0; i < layers; ++i) x = whole_layer(step, layers_[static_cast<std::size_t>(i)], shape, x);
  return x;
}

at::Tensor Encoder::states(const Step& step, const nn::Packed& batch, const Rows& rows) const {
  return last_layer(step, batch, states_after(step, batch, config_.layers - 1), rows);
}

}  // namespace weft::models
