// The causal decoder of GPT-2 and the Llama kind: pre-norm layers over one residual stream, then a final norm. Families
// differ in their norms, in how they know positions, in the second half of a layer, and in the names of their tensors.
// The last layer works past attention only on the rows that are asked for, and no gradient is computed below the lowest
// trained tensor.
// Sources: Radford et al. 2019, "Language models are unsupervised multitask learners"; Touvron et al. 2023,
// arXiv:2302.13971.
#pragma once
#include <functional>
#include <optional>
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
#include "common/nn/rotary.h"

namespace weft::models {

struct DecoderConfig {
  std::int64_t vocabulary, width, layers, heads, key_heads, head_dim, inner_width, positions;
  std::vector<std::int64_t> windows;  // of each layer's attention; 0: all tokens before
  NormKind norm = NormKind::rms;
  double epsilon = 1e-6, embedding_dropout = 0, residual_dropout = 0, attention_dropout = 0;
  std::optional<nn::Activation> activation;  // of the second half; nullopt: gated SiLU
  bool scores_by_layer = false;              // scores of layer i, from 0, are divided by i + 1
  std::optional<nn::RotaryConfig> rotary;    // nullopt: a learned vector for each position
};

// Names in the model with its head. Those of a layer follow `layer` and its index.
struct DecoderNames {
  std::string tokens, positions, layer, final_norm;
  std::vector<std::string> qkv;  // one module, or query, key and value
  std::string attention_out;
  std::vector<std::string> up;  // one module, or gate and up
  std::string down, attention_norm, inner_norm;
  std::string query_norm, key_norm;  // of each head, before positions; empty: none
  LinearOptions qkv_options, out_options, inner_options;
  std::string token_head;            // of token classification
  std::vector<std::string> buffers;  // of a layer, in old checkpoints
};

class Decoder final : public Network {
 public:
  Decoder(ModelBuilder& builder, const DecoderConfig& config, const DecoderNames& names);

  std::int64_t max_positions() const override { return config_.positions; }
  at::Tensor states(const Step& step, const Inputs& inputs, const Rows& rows) const override;
  at::Tensor sequence_logits(const Step& step, const Inputs& inputs) const override;
  at::Tensor token_logits(const Step& step, const Inputs& inputs, const Rows& rows) const override;
  const Linear& lm_head() const override { return lm_head_; }
  std::vector<nn::KvCache> make_caches(std::int64_t sequences, std::int64_t places) const override;
  at::Tensor next_states(const Step& step, const Inputs& inputs, const nn::CachedRows& cached,
                         std::vector<nn::KvCache>& caches, const Rows& rows) const override;

 private:
  struct Layer {
    Linear qkv, attention_out, up, down;
    Norm attention_norm, inner_norm, query_norm, key_norm;
    bool head_norms = false;
  };
  // What layer `index` attends to, of its queries, keys and values and a bias still to be added (undefined: none).
  using Attend = std::function<at::Tensor(std::size_t index, const at::Tensor& qkv_TC, const at::Tensor& bias_C)>;

  Layer read_layer(ModelBuilder& builder, const DecoderNames& names, std::int64_t index) const;
  void read_heads(ModelBuilder& builder, const DecoderNames& names);
  nn::AttentionShape shape_of(std::size_t layer) const;
  Rows last_rows(const nn::Packed& batch) const;
  at::Tensor embedding(const Step& step, const nn::Packed& batch) const;
  at::Tensor with_head_norms(const Step& step, const Layer& layer, const at::Tensor& qkv_TC) const;
  at::Tensor with_small_queries(std::size_t layer, const at::Tensor& qkv_TC) const;
  at::Tensor second_half(const Step& step, const Layer& layer, const at::Tensor& normed_TD) const;
  at::Tensor walk(const Step& step, const nn::Packed& batch, const Rows& rows, const Attend& attend) const;

  DecoderConfig config_;
  std::optional<std::int64_t> padding_;  // the token's id
  at::Device device_;
  nn::RotaryFrequencies frequencies_;
  Embedding tokens_, positions_;
  std::vector<Layer> layers_;
  Norm final_norm_;
  Linear head_, lm_head_;
  double head_dropout_ = 0;
};

}  // namespace weft::models
