// BERT: token types, a pooler over the first token for classifying sequences, and a linear head.
// Source: Devlin et al. 2018, arXiv:1810.04805; names as in transformers' BertForSequenceClassification.
#include "common/models/encoder.h"
#include "common/models/registry.h"

namespace weft::models {
namespace {

class Bert final : public EncoderNetwork {
 public:
  explicit Bert(ModelBuilder& builder)
      : EncoderNetwork(Encoder(builder, bert_encoder_config(builder), bert_encoder_names("bert.")),
                       builder.dropout("classifier_dropout", builder.dropout("hidden_dropout_prob", 0.1))) {
    const std::int64_t width = builder.config().positive("hidden_size");
    if (builder.request().task == TaskKind::sequence_classification)
      // A BERT that was trained as a language model alone has none, nor have many that embed sentences.
      pooler_ = builder.has("bert.pooler.dense.weight") ? builder.linear("bert.pooler.dense", width, width)
                                                        : builder.head("bert.pooler.dense", width, width);
    else
      builder.ignore("bert.pooler.");
    classifier_ = builder.head("classifier", width, builder.classes());
  }

  at::Tensor sequence_logits(const Step& step, const Inputs& inputs) const override {
    return classified(step, pooler_(step, states(step, inputs, Rows::first())).tanh());
  }

 private:
  Linear pooler_;
};

}  // namespace

std::unique_ptr<const Network> build_bert(ModelBuilder& builder) { return std::make_unique<const Bert>(builder); }

}  // namespace weft::models
