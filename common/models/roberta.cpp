// RoBERTa and XLM-RoBERTa: BERT's encoder, whose positions begin behind the padding token's and leave out padding
// tokens within a text, and a head of two layers for classifying sequences. Source: Liu et al. 2019, arXiv:1907.11692;
// Conneau et al. 2019, arXiv:1911.02116; names as in transformers' RobertaForSequenceClassification.
#include "common/models/encoder.h"
#include "common/models/registry.h"

namespace weft::models {
namespace {

EncoderConfig encoder_config(const ModelBuilder& builder) {
  EncoderConfig config = bert_encoder_config(builder);
  config.padding_token = builder.config().count("pad_token_id", 1);
  if (config.padding_token + 1 >= config.positions)
    builder.config().fail("\"max_position_embeddings\" is " + std::to_string(config.positions) +
                          ", which leaves no position behind \"pad_token_id\"");
  return config;
}

class Roberta final : public EncoderNetwork {
 public:
  explicit Roberta(ModelBuilder& builder)
      : EncoderNetwork(Encoder(builder, encoder_config(builder), bert_encoder_names("roberta.")),
                       builder.dropout("classifier_dropout", builder.dropout("hidden_dropout_prob", 0.1))) {
    const std::int64_t width = builder.config().positive("hidden_size");
    const bool sequences = builder.request().task == TaskKind::sequence_classification;
    if (sequences) dense_ = builder.head("classifier.dense", width, width);
    classifier_ = builder.head(sequences ? "classifier.out_proj" : "classifier", width, builder.classes());
    builder.ignore("roberta.pooler.");
  }

  at::Tensor sequence_logits(const Step& step, const Inputs& inputs) const override {
    const at::Tensor first = dropped(step, states(step, inputs, Rows::first()));
    return classified(step, dense_(step, first).tanh());
  }

 private:
  Linear dense_;
};

}  // namespace

std::unique_ptr<const Network> build_roberta(ModelBuilder& builder) { return std::make_unique<const Roberta>(builder); }

}  // namespace weft::models
