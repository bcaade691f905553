// DistilBERT: BERT's encoder with half the layers and no token types; a hidden layer before the classifier of
// sequences. Source: Sanh et al. 2019, arXiv:1910.01108; names as in transformers' DistilBertForSequenceClassification.
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

bool sequences(const ModelBuilder& builder) { return builder.request().task == TaskKind::sequence_classification; }

class DistilBert final : public EncoderNetwork {
 public:
  explicit DistilBert(ModelBuilder& builder)
      : EncoderNetwork(
            Encoder(builder, encoder_config(builder), encoder_names()),
            sequences(builder) ? builder.dropout("seq_classif_dropout", 0.2) : builder.dropout("dropout", 0.1)) {
    const std::int64_t width = builder.config().positive("dim");
    if (sequences(builder)) pre_classifier_ = builder.head("pre_classifier", width, width);
    classifier_ = builder.head("classifier", width, builder.classes());
  }

  at::Tensor sequence_logits(const Step& step, const Inputs& inputs) const override {
    return classified(step, pre_classifier_(step, states(step, inputs, Rows::first())).relu());
  }

 private:
  Linear pre_classifier_;
};

}  // namespace

std::unique_ptr<const Network> build_distilbert(ModelBuilder& builder) {
  return std::make_unique<const DistilBert>(builder);
}

}  // namespace weft::models
