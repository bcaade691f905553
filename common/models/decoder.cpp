// The forward pass, once for training and once more, by the same walk, for generation.
#include "common/models/decoder.h"

#include <ATen/ops/add.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cummax.h>
#include <ATen/ops/div.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/maximum.h>

#include <numeric>

#include "common/base/result.h"
#include "common/models/packed_check.h"

namespace weft::models {
namespace {

std::vector<std::string> prefixed(const std::string& prefix, std::vector<std::string> names) {
  for (std::string& name : names) name = prefix + name;
  return names;
}

}  // namespace

Decoder::Decoder(ModelBuilder& builder, const DecoderConfig& config, const DecoderNames& names)
    : config_(config), device_(builder.request().device) {
  if (builder.config().has("pad_token_id"))
    padding_ = static_cast<std::int64_t>(builder.config().number("pad_token_id"));
  tokens_ = builder.embedding(names.tokens, config.vocabulary, config.width,
                              config.rotary ? builder.padding_row(config.vocabulary) : -1);  // GPT-2 trains that row
  if (config.rotary)
    frequencies_ = nn::rotary_frequencies(*config.rotary);
  else
    positions_ = builder.embedding(names.positions, config.positions, config.width);
  for (std::int64_t i = 0; i < config.layers; ++i) layers_.push_back(read_layer(builder, names, i));
  final_norm_ = builder.norm(names.final_norm, config.width, config.epsilon, config.norm);
  read_heads(builder, names);
}

Decoder::Layer Decoder::read_layer(ModelBuilder& builder, const DecoderNames& names, std::int64_t index) const {
  const std::string at = names.layer + std::to_string(index) + ".";
  const std::int64_t queries = config_.heads * config_.head_dim, keys = config_.key_heads * config_.head_dim;
  Layer layer;
  layer.attention_norm = builder.norm(at + names.attention_norm, config_.width, config_.epsilon, config_.norm);
  const std::vector<std::int64_t> outs =
      names.qkv.size() == 1 ? std::vector{queries + 2 * keys} : std::vector{queries, keys, keys};
  layer.qkv = builder.stacked(prefixed(at, names.qkv), config_.width, outs, names.qkv_options);
  layer.head_norms = !names.query_norm.empty();
  if (layer.head_norms) {
    layer.query_norm = builder.norm(at + names.query_norm, config_.head_dim, config_.epsilon, config_.norm);
    layer.key_norm = builder.norm(at + names.key_norm, config_.head_dim, config_.epsilon, config_.norm);
  }
  layer.attention_out = builder.linear(at + names.attention_out, queries, config_.width, names.out_options);
  layer.inner_norm = builder.norm(at + names.inner_norm, config_.width, config_.epsilon, config_.norm);
  layer.up = builder.stacked(prefixed(at, names.up), config_.width,
                             std::vector<std::int64_t>(names.up.size(), config_.inner_width), names.inner_options);
  layer.down = builder.linear(at + names.down, config_.inner_width, config_.width, names.inner_options);
  for (const std::string& buffer : names.buffers) builder.ignore(at + buffer);
  return layer;
}

void Decoder::read_heads(ModelBuilder& builder, const DecoderNames& names) {
  const bool tied = builder.is_tied();
  const TaskKind task = builder.request().task;
  if (tied) builder.ignore("lm_head.");
  if (task == TaskKind::causal_lm) {
    // Where it is the table of tokens, it stays as that began: what is trained on either is its own.
    lm_head_ =
        builder.language_head("lm_head", config_.width, config_.vocabulary, tied ? tokens_.frozen() : at::Tensor());
    return;
  }
  const bool tokens = task == TaskKind::token_classification;
  head_ = builder.head(tokens ? names.token_head : "score", config_.width, builder.classes(), {.bias = tokens});
  if (tokens) head_dropout_ = builder.dropout("classifier_dropout", builder.dropout("hidden_dropout", 0.1));
}

nn::AttentionShape Decoder::shape_of(std::size_t layer) const {
  return {.heads = config_.heads,
          .starts = {},
          .key_heads = config_.key_heads,
          .causal = true,
          .window = config_.windows[layer]};
}

at::Tensor Decoder::embedding(const Step& step, const nn::Packed& batch) const {
  at::Tensor x = tokens_(step, batch.ids_T);
  if (!config_.rotary) x = at::add(x, positions_(step, batch.position_T));
  return nn::apply_dropout(x, nn::Dropout::draw(step.rng, config_.embedding_dropout));
}

at::Tensor Decoder::with_head_norms(const Step& step, const Layer& layer, const at::Tensor& qkv_TC) const {
  const std::int64_t tokens = qkv_TC.size(0), depth = config_.head_dim;
  const auto part = [&](const Norm& norm, std::int64_t first, std::int64_t heads) {
    const at::Tensor rows = qkv_TC.narrow(1, first * depth, heads * depth).reshape({tokens * heads, depth});
    return norm(step, rows).view({tokens, heads * depth});
  };
  const std::int64_t turned = config_.heads + config_.key_heads;
  return at::cat({part(layer.query_norm, 0, config_.heads), part(layer.key_norm, config_.heads, config_.key_heads),
                  qkv_TC.narrow(1, turned * depth, config_.key_heads * depth)},
                 1);
}

// A score is linear in its query.
at::Tensor Decoder::with_small_queries(std::size_t layer, const at::Tensor& qkv_TC) const {
  const std::int64_t queries = config_.heads * config_.head_dim;
  const at::Tensor small = at::div(qkv_TC.narrow(1, 0, queries), static_cast<double>(layer + 1));
  return at::cat({small, qkv_TC.narrow(1, queries, qkv_TC.size(1) - queries)}, 1);
}

at::Tensor Decoder::second_half(const Step& step, const Layer& layer, const at::Tensor& normed_TD) const {
  if (config_.activation)
    return nn::bias_activation(layer.up.product(step, normed_TD), layer.up.bias(), *config_.activation);
  return nn::gated_silu(layer.up(step, normed_TD));
}

at::Tensor Decoder::walk(const Step& step, const nn::Packed& batch, const Rows& rows, const Attend& attend) const {
  check_packed(batch, config_.positions, config_.vocabulary);
  const auto dropout = [&] { return nn::Dropout::draw(step.rng, config_.residual_dropout); };
  const nn::RotaryAngles angles =
      config_.rotary ? nn::rotary_angles(frequencies_, batch.position_T, device_) : nn::RotaryAngles{};
  at::Tensor stream = embedding(step, batch), normed = layers_.front().attention_norm(step, stream);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const bool changed = layer.head_norms || config_.scores_by_layer;  // between the projection and attention
    at::Tensor qkv = changed ? layer.qkv(step, normed) : layer.qkv.product(step, normed);
    at::Tensor bias = changed ? at::Tensor() : layer.qkv.bias();
    if (layer.head_norms) qkv = with_head_norms(step, layer, qkv);
    if (config_.scores_by_layer) qkv = with_small_queries(i, qkv);
    if (config_.rotary) {
      qkv = nn::rotate(qkv, bias, angles, {config_.heads + config_.key_heads, config_.head_dim});
      bias = at::Tensor();
    }
    at::Tensor attended = attend(i, qkv, bias);
    const bool last = i + 1 == layers_.size();
    if (last && rows.kind != Rows::Kind::all) {
      const at::Tensor indices = rows.indices(batch, device_);
      attended = at::index_select(attended, 0, indices);
      stream = at::index_select(stream, 0, indices);
    }
    const nn::PreNorm half = layer.inner_norm.add(step, layer.attention_out.product(step, attended),
                                                  layer.attention_out.bias(), stream, dropout());
    const Norm& next = last ? final_norm_ : layers_[i + 1].attention_norm;
    const nn::PreNorm whole = next.add(step, layer.down.product(step, second_half(step, layer, half.normed_TD)),
                                       layer.down.bias(), half.stream_TD, dropout());
    stream = whole.stream_TD;
    normed = whole.normed_TD;
  }
  return normed;
}

at::Tensor Decoder::states(const Step& step, const Inputs& inputs, const Rows& rows) const {
  return walk(step, inputs.tokens, rows, [&](std::size_t i, const at::Tensor& qkv, const at::Tensor& bias) {
    nn::AttentionShape shape = shape_of(i);
    shape.starts = inputs.tokens.starts;
    return nn::self_attention(qkv, bias, shape, nn::Dropout::draw(step.rng, config_.attention_dropout));
  });
}

// The row of each sequence's last token that is no padding token, as transformers takes it; the first if all are.
Rows Decoder::last_rows(const nn::Packed& batch) const {
  if (!padding_) return Rows::last();
  const at::Tensor row_T = at::arange(batch.ids_T.numel(), batch.ids_T.options());
  const at::Tensor latest_T = std::get<0>(at::cummax(row_T.masked_fill(batch.ids_T.eq(*padding_), 0), 0));
  const at::Tensor first_N = Rows::first().indices(batch, device_), last_N = Rows::last().indices(batch, device_);
  return Rows::chosen(at::maximum(at::index_select(latest_T, 0, last_N), first_N));
}

at::Tensor Decoder::sequence_logits(const Step& step, const Inputs& inputs) const {
  return head_(step, states(step, inputs, last_rows(inputs.tokens)));
}

at::Tensor Decoder::token_logits(const Step& step, const Inputs& inputs, const Rows& rows) const {
  return head_(step, nn::apply_dropout(states(step, inputs, rows), nn::Dropout::draw(step.rng, head_dropout_)));
}

std::vector<nn::KvCache> Decoder::make_caches(std::int64_t sequences, std::int64_t places) const {
  std::vector<nn::KvCache> caches;
  for (std::int64_t i = 0; i < config_.layers; ++i)
    caches.push_back(nn::KvCache::make(sequences, config_.key_heads, config_.head_dim, places,
                                       at::TensorOptions(at::kFloat).device(device_)));
  return caches;
}

at::Tensor Decoder::next_states(const Step& step, const Inputs& inputs, const nn::CachedRows& cached,
                                std::vector<nn::KvCache>& caches, const Rows& rows) const {
  return walk(step, inputs.tokens, rows, [&](std::size_t i, const at::Tensor& qkv, const at::Tensor& bias) {
    return nn::cached_attention(qkv, bias, shape_of(i), cached, caches[i]);
  });
}

}  // namespace weft::models
