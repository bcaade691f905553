// The forward pass. What autograd needs is kept by the fused layers; nothing here is specific to training.
#include "common/models/bert.h"

#include <ATen/ops/add.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tensor.h>

#include <string>

#include "common/nn/attention.h"
#include "common/nn/gelu.h"

namespace weft::models {

using namespace bert_names;

struct Bert::Step {
  const nn::Packed& batch;
  const nn::Trainable& params;
  RngStream* rng;
  nn::AttentionShape shape;
};

namespace {

void check(const nn::Packed& batch, std::int64_t positions) {
  const std::int64_t tokens = batch.ids_T.numel();
  WEFT_CHECK(batch.starts.size() > 1 && batch.starts.front() == 0 && batch.starts.back() == tokens &&
                 batch.type_ids_T.numel() == tokens && batch.position_T.numel() == tokens,
             "a packed batch whose parts differ in length");
  for (std::size_t n = 0; n + 1 < batch.starts.size(); ++n) {
    const std::int64_t length = batch.starts[n + 1] - batch.starts[n];
    if (length < 1 || length > positions)
      throw Failure("sequence " + std::to_string(n) + " of the batch has " + std::to_string(length) +
                    " tokens; the model takes 1 to " + std::to_string(positions) + ". Lower task.max_tokens.");
  }
}

}  // namespace

at::Tensor Bert::linear(const Step& step, const std::string& name,
                        const std::shared_ptr<const nn::FrozenLinear>& frozen, const at::Tensor& x,
                        std::int64_t skipped_outputs) const {
  std::vector<nn::LoraSlice> slices;
  const auto found = adapters_.find(name);
  if (found != adapters_.end())
    for (const AdapterSite& site : found->second) {
      const std::int64_t first = site.first_output - skipped_outputs;
      if (first < 0 || first >= frozen->out_features()) continue;
      slices.push_back({.a_RI = step.params.leaf(site.a_name),
                        .b_OR = step.params.leaf(site.b_name),
                        .first_output = first,
                        .scale = adapter_.alpha / static_cast<double>(adapter_.rank),
                        .dropout = nn::Dropout::draw(step.rng, adapter_.dropout)});
    }
  return nn::lora_linear(x, frozen, std::move(slices));
}

at::Tensor Bert::embedding(const Step& step) const {
  return nn::embed(step.batch, weights_.embeddings, nn::Dropout::draw(step.rng, config_.hidden_dropout));
}

at::Tensor Bert::layer(const Step& step, std::int64_t index, const at::Tensor& x_TD) const {
  const BertLayer& w = weights_.layers[static_cast<std::size_t>(index)];
  const at::Tensor qkv = linear(step, models::bert_names::layer(index) + "qkv", w.qkv, x_TD);
  const at::Tensor attended =
      nn::self_attention(qkv, w.qkv->bias_O(), step.shape, nn::Dropout::draw(step.rng, config_.attention_dropout));
  return after_attention(step, index, attended, x_TD);
}

// Keys and values of all tokens; queries, and all that follows, of first tokens only.
at::Tensor Bert::pooled_layer(const Step& step, std::int64_t index, const at::Tensor& x_TD) const {
  const BertLayer& w = weights_.layers[static_cast<std::size_t>(index)];
  const std::string name = models::bert_names::layer(index) + "qkv";
  std::vector<std::int64_t> first_tokens(step.shape.starts.begin(), step.shape.starts.end() - 1);
  const at::Tensor first = at::index_select(x_TD, 0, at::tensor(first_tokens, at::kLong).to(device_));
  const at::Tensor q = linear(step, name, w.query, first);
  const at::Tensor kv = linear(step, name, w.key_value, x_TD, config_.width);
  const at::Tensor attended =
      nn::pooled_attention(q, kv, w.qkv->bias_O(), step.shape, nn::Dropout::draw(step.rng, config_.attention_dropout));
  return after_attention(step, index, attended, first);
}

at::Tensor Bert::after_attention(const Step& step, std::int64_t index, const at::Tensor& attended,
                                 const at::Tensor& residual) const {
  const BertLayer& w = weights_.layers[static_cast<std::size_t>(index)];
  const std::string name = models::bert_names::layer(index);
  const at::Tensor out = linear(step, name + kAttentionOut, w.attention_out, attended);
  const at::Tensor x = nn::residual_norm(out, w.attention_out->bias_O(), residual, w.attention_norm,
                                         nn::Dropout::draw(step.rng, config_.hidden_dropout));
  const at::Tensor inner = nn::bias_gelu(linear(step, name + kUp, w.up, x), w.up->bias_O());
  return nn::residual_norm(linear(step, name + kDown, w.down, inner), w.down->bias_O(), x, w.output_norm,
                           nn::Dropout::draw(step.rng, config_.hidden_dropout));
}

at::Tensor Bert::pooled(const Step& step, const at::Tensor& first_ND) const {
  if (saved_whole("pooler"))
    return at::tanh(at::linear(first_ND, step.params.leaf("base_model.model.bert.pooler.dense.weight"),
                               step.params.leaf("base_model.model.bert.pooler.dense.bias")));
  return at::tanh(at::add(linear(step, kPooler, pooler_, first_ND), pooler_->bias_O()));
}

at::Tensor Bert::logits(const nn::Packed& batch, const nn::Trainable& params, const ForwardMode& mode) const {
  check(batch, config_.positions);
  const Step step{batch, params, mode.rng, {config_.heads, batch.starts}};
  at::Tensor x = embedding(step);
  for (std::int64_t i = 0; i + 1 < config_.layers; ++i) x = layer(step, i, x);
  const at::Tensor first = pooled(step, pooled_layer(step, config_.layers - 1, x));
  const at::Tensor kept = nn::apply_dropout(first, nn::Dropout::draw(step.rng, config_.classifier_dropout));
  if (!saved_whole("classifier")) return at::linear(kept, weights_.classifier_weight_CD, weights_.classifier_bias_C);
  return at::linear(kept, params.leaf("base_model.model.classifier.weight"),
                    params.leaf("base_model.model.classifier.bias"));
}

at::Tensor Bert::hidden_state(const nn::Packed& batch, const nn::Trainable& params, const ForwardMode& mode,
                              std::int64_t layers) const {
  check(batch, config_.positions);
  const Step step{batch, params, mode.rng, {config_.heads, batch.starts}};
  at::Tensor x = embedding(step);
  for (std::int64_t i = 0; i < layers; ++i) x = layer(step, i, x);
  return x;
}

}  // namespace weft::models
