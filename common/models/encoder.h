// The text encoder of BERT and its relatives: embeddings, then post-norm layers of bidirectional attention. They differ
// in the names of their tensors, in their heads, and in where positions begin.
// The last layer works past attention only on the rows that are asked for, and no gradient is computed below the lowest
// trained tensor.
// Source: Devlin et al. 2018, arXiv:1810.04805; Vaswani et al. 2017, arXiv:1706.03762.
#pragma once
#include <string>
#include <vector>

#include "common/models/builder.h"
#include "common/models/embedding.h"
#include "common/models/linear.h"
#include "common/models/network.h"
#include "common/models/norm.h"
#include "common/models/step.h"
#include "common/nn/activation.h"
#include "common/nn/attention.h"
#include "common/nn/embedding.h"

namespace weft::models {

struct EncoderConfig {
  std::int64_t vocabulary, width, layers, heads, inner_width, positions;
  std::int64_t segments = 0;  // 0: the model has no token types
  // RoBERTa's kind: a token's position counts the tokens up to it that are not this one, from the row of this id on;
  // this one takes that row itself. Negative: positions count all tokens from 0.
  std::int64_t padding_token = -1;
  double epsilon = 1e-12;
  double hidden_dropout = 0, attention_dropout = 0;
  double projection_dropout = 0;  // behind the output of attention
  nn::Activation activation = nn::Activation::gelu;
};

// Names in the model with its head. Those of a layer follow `layer` and its index.
struct EncoderNames {
  std::string embeddings, layer;  // "bert.embeddings.", "bert.encoder.layer."
  std::string query, key, value, attention_out, attention_norm, up, down, output_norm;
};
// As BERT and RoBERTa have them below `prefix`.
EncoderNames bert_encoder_names(const std::string& prefix);

// From their config.json.
EncoderConfig bert_encoder_config(const ModelBuilder& builder);

class Encoder {
 public:
  Encoder(ModelBuilder& builder, const EncoderConfig& config, const EncoderNames& names);
  std::int64_t max_positions() const { return config_.positions - (config_.padding_token + 1); }
  // [R, D]. Throws Failure for a text that is too long.
  at::Tensor states(const Step& step, const nn::Packed& batch, const Rows& rows) const;
  // Every token's state after `layers` of the layers, [T, D]; 0 is the embedding. For tests.
  at::Tensor states_after(const Step& step, const nn::Packed& batch, std::int64_t layers) const;

 private:
  struct Layer {
    Linear qkv, attention_out, up, down;
    Linear query, key_value;  // the last layer's: parts of its qkv
    Norm attention_norm, output_norm;
  };
  Layer read_layer(ModelBuilder& builder, const EncoderNames& names, std::int64_t index) const;
  at::Tensor rows_of_positions(const nn::Packed& batch) const;
  at::Tensor embedding(const Step& step, const nn::Packed& batch) const;
  at::Tensor trained_embedding(const Step& step, const nn::Packed& batch) const;
  at::Tensor whole_layer(const Step& step, const Layer& layer, const nn::AttentionShape& shape,
                         const at::Tensor& x_TD) const;
  at::Tensor last_layer(const Step& step, const nn::Packed& batch, const at::Tensor& x_TD, const Rows& rows) const;
  at::Tensor after_attention(const Step& step, const Layer& layer, const at::Tensor& attended,
                             const at::Tensor& residual) const;

  EncoderConfig config_;
  at::Device device_;
  Embedding word_, position_, type_;  // type_ undefined: none
  Norm embedding_norm_;
  nn::EmbeddingTables tables_;  // when nothing of the embedding is trained
  std::vector<Layer> layers_;
};

// What the families on this encoder share: states are classified by dropout and one linear layer. A family adds how it
// makes one state of a sequence.
class EncoderNetwork : public Network {
 public:
  std::int64_t max_positions() const override { return encoder_.max_positions(); }
  at::Tensor states(const Step& step, const Inputs& inputs, const Rows& rows) const override {
    return encoder_.states(step, inputs.tokens, rows);
  }
  at::Tensor token_logits(const Step& step, const Inputs& inputs, const Rows& rows) const override {
    return classified(step, states(step, inputs, rows));
  }

 protected:
  EncoderNetwork(Encoder encoder, double dropout) : encoder_(std::move(encoder)), dropout_(dropout) {}
  at::Tensor dropped(const Step& step, const at::Tensor& x) const {
    return nn::apply_dropout(x, nn::Dropout::draw(step.rng, dropout_));
  }
  at::Tensor classified(const Step& step, const at::Tensor& x) const { return classifier_(step, dropped(step, x)); }
  Linear classifier_;

 private:
  Encoder encoder_;
  double dropout_;
};

}  // namespace weft::models
