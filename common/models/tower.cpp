// Reading the layers, and the forward pass.
#include "common/models/tower.h"

#include <ATen/ops/index_select.h>

#include "common/base/result.h"

namespace weft::models {

Tower::Tower(ModelBuilder& builder, const TowerConfig& config, const TowerNames& names)
    : config_(config), device_(builder.request().device) {
  if (config.width % config.heads != 0)
    builder.config().fail("the width " + std::to_string(config.width) + " is not a multiple of " +
                          std::to_string(config.heads) + " attention heads");
  for (std::int64_t i = 0; i < config.layers; ++i) layers_.push_back(read_layer(builder, names, i));
  layers_.back().query = layers_.back().qkv.modules(0, 1);
  layers_.back().key_value = layers_.back().qkv.modules(1, 2);
  final_norm_ = builder.norm(names.final_norm, config.width, config.epsilon);
}

Tower::Layer Tower::read_layer(ModelBuilder& builder, const TowerNames& names, std::int64_t index) const {
  const std::string at = names.layer + std::to_string(index) + ".";
  const std::int64_t width = config_.width, inner = config_.inner_width;
  Layer layer;
  layer.attention_norm = builder.norm(at + names.attention_norm, width, config_.epsilon);
  layer.qkv = builder.stacked({at + names.query, at + names.key, at + names.value}, width, {width, width, width},
                              {.bias = config_.attention_bias});
  layer.attention_out = builder.linear(at + names.attention_out, width, width);
  layer.inner_norm = builder.norm(at + names.inner_norm, width, config_.epsilon);
  layer.up = builder.linear(at + names.up, width, inner);
  layer.down = builder.linear(at + names.down, inner, width);
  return layer;
}

at::Tensor Tower::attend(const Step& step, const Layer& layer, const nn::AttentionShape& shape,
                         const at::Tensor& normed) const {
  return nn::self_attention(layer.qkv.product(step, normed), layer.qkv.bias(), shape,
                            nn::Dropout::draw(step.rng, config_.attention_dropout));
}

// The last layer with one row a sequence: keys and values of all rows, queries of the asked ones only.
at::Tensor Tower::attend_once(const Step& step, const nn::AttentionShape& shape, const at::Tensor& normed,
                              const at::Tensor& indices) const {
  const Layer& layer = layers_.back();
  const at::Tensor q = layer.query.product(step, at::index_select(normed, 0, indices));
  const at::Tensor kv = layer.key_value.product(step, normed);
  return nn::pooled_attention(q, kv, layer.qkv.bias(), shape, nn::Dropout::draw(step.rng, config_.attention_dropout));
}

at::Tensor Tower::states(const Step& step, const at::Tensor& x, const nn::Packed& batch, const Rows& rows) const {
  WEFT_CHECK(batch.sequences() > 0 && batch.starts.back() == x.size(0), "a packed batch whose parts differ in length");
  const nn::AttentionShape shape{
      .heads = config_.heads, .starts = batch.starts, .key_heads = 0, .causal = config_.causal, .window = 0};
  const bool pooled = rows.kind == Rows::Kind::last || (rows.kind == Rows::Kind::first && !config_.causal);
  const auto dropout = [&] { return nn::Dropout::draw(step.rng, config_.hidden_dropout); };
  at::Tensor stream = x, normed = layers_.front().attention_norm(step, stream);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const bool last = i + 1 == layers_.size();
    at::Tensor attended;
    if (last && rows.kind != Rows::Kind::all) {
      const at::Tensor indices = rows.indices(batch, device_);
      attended = pooled ? attend_once(step, shape, normed, indices)
                        : at::index_select(attend(step, layer, shape, normed), 0, indices);
      stream = at::index_select(stream, 0, indices);
    } else {
      attended = attend(step, layer, shape, normed);
    }
    const nn::PreNorm half = layer.inner_norm.add(step, layer.attention_out.product(step, attended),
                                                  layer.attention_out.bias(), stream, dropout());
    const at::Tensor inner =
        nn::bias_activation(layer.up.product(step, half.normed_TD), layer.up.bias(), config_.activation);
    const Norm& next = last ? final_norm_ : layers_[i + 1].attention_norm;
    const nn::PreNorm whole =
        next.add(step, layer.down.product(step, inner), layer.down.bias(), half.stream_TD, dropout());
    stream = whole.stream_TD;
    normed = whole.normed_TD;
  }
  return normed;
}

}  // namespace weft::models
