// BERT: token types, a pooler over the first token for classifying sequences, and a linear head.
// Source: Devlin et al. 2018, arXiv:1810.04805; names as in transformers' BertForSequenceClassification.
#include <ATen/ops/tanh.h>

#include "common/models/encoder.h"
#include "common/models/registry.h"

namespace weft::models {
namespace {

class Bert final : public Network {
 public:
  explicit Bert(ModelBuilder& builder)
      : encoder_(builder, bert_encoder_config(builder), bert_encoder_names("bert.")),
        dropout_(builder.dropout("classifier_dropout", builder.dropout("hidden_dropout_prob", 0.1))) {
    const std::int64_t width = builder.config().positive("hidden_size");
    if (builder.request().task == TaskKind::sequence_classification)
      pooler_ = builder.linear("bert.pooler.dense", width, width);
    else
      builder.ignore("bert.pooler.");
    classifier_ = builder.head("classifier", width, builder.classes());
  }

  std::int64_t max_positions() const override { return encoder_.max_positions(); }
  at::Tensor states(const Step& step, const Inputs& inputs, const Rows& rows) const override {
    return encoder_.states(step, inputs.tokens, rows);
  }
  at::Tensor sequence_logits(const Step& step, const Inputs& inputs) const override {
    return classified(step, at::tanh(pooler_(step, states(step, inputs, Rows::first()))));
  }
  at::Tensor token_logits(const Step& step, const Inputs& inputs, const Rows& rows) const override {
    return classified(step, states(step, inputs, rows));
  }

 private:
  at::Tensor classified(const Step& step, const at::Tensor& x) const {
    return classifier_(step, nn::apply_dropout(x, nn::Dropout::draw(step.rng, dropout_)));
  }

  Encoder encoder_;
  double dropout_;
  Linear pooler_, classifier_;
};

}  // namespace

std::unique_ptr<const Network> build_bert(ModelBuilder& builder) { return std::make_unique<const Bert>(builder); }

}  // namespace weft::models
