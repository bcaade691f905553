// DistilBERT: BERT's encoder with half the layers and no token types; a hidden layer before the classifier of
// sequences. Source: Sanh et al. 2019, arXiv:1910.01108; names as in transformers' DistilBertForSequenceClassification.
#include <ATen/ops/relu.h>

#include "common/models/encoder.h"
#include "common/models/registry.h"

namespace weft::models {
namespace {

EncoderConfig encoder_config(const ModelBuilder& builder) {
  const ModelConfig& config = builder.config();
  return {.vocabulary = config.positive("vocab_size"),
          .width = config.positive("dim"),
          .layers = config.layers("n_layers"),
          .heads = config.positive("n_heads"),
          .inner_width = config.positive("hidden_dim"),
          .positions = config.positive("max_position_embeddings"),
          .epsilon = 1e-12,
          .hidden_dropout = builder.dropout("dropout", 0.1),
          .attention_dropout = builder.dropout("attention_dropout", 0.1),
          .projection_dropout = 0,
          .activation = config.activation("activation")};
}

EncoderNames encoder_names() {
  return {.embeddings = "distilbert.embeddings.",
          .layer = "distilbert.transformer.layer.",
          .query = "attention.q_lin",
          .key = "attention.k_lin",
          .value = "attention.v_lin",
          .attention_out = "attention.out_lin",
          .attention_norm = "sa_layer_norm",
          .up = "ffn.lin1",
          .down = "ffn.lin2",
          .output_norm = "output_layer_norm"};
}

class DistilBert final : public Network {
 public:
  explicit DistilBert(ModelBuilder& builder) : encoder_(builder, encoder_config(builder), encoder_names()) {
    const std::int64_t width = builder.config().positive("dim");
    const bool sequences = builder.request().task == TaskKind::sequence_classification;
    dropout_ = sequences ? builder.dropout("seq_classif_dropout", 0.2) : builder.dropout("dropout", 0.1);
    if (sequences) pre_classifier_ = builder.head("pre_classifier", width, width);
    classifier_ = builder.head("classifier", width, builder.classes());
  }

  std::int64_t max_positions() const override { return encoder_.max_positions(); }
  at::Tensor states(const Step& step, const Inputs& inputs, const Rows& rows) const override {
    return encoder_.states(step, inputs.tokens, rows);
  }
  at::Tensor sequence_logits(const Step& step, const Inputs& inputs) const override {
    return classified(step, at::relu(pre_classifier_(step, states(step, inputs, Rows::first()))));
  }
  at::Tensor token_logits(const Step& step, const Inputs& inputs, const Rows& rows) const override {
    return classified(step, states(step, inputs, rows));
  }

 private:
  at::Tensor classified(const Step& step, const at::Tensor& x) const {
    return classifier_(step, nn::apply_dropout(x, nn::Dropout::draw(step.rng, dropout_)));
  }

  Encoder encoder_;
  double dropout_ = 0;
  Linear pre_classifier_, classifier_;
};

}  // namespace

std::unique_ptr<const Network> build_distilbert(ModelBuilder& builder) {
  return std::make_unique<const DistilBert>(builder);
}

}  // namespace weft::models
