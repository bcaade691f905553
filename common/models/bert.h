// BERT as a sequence classifier over packed tokens: embeddings, post-norm layers, pooler, dropout, linear head.
// The last layer works past attention only on the first token of each sequence, the one that the pooler reads, and no
// gradient is computed below the lowest trainable tensor.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/models/bert_weights.h"
#include "common/models/checkpoint.h"
#include "common/models/classifier.h"
#include "common/nn/lora_linear.h"

namespace weft::models {

class Bert final : public SequenceClassifier {
 public:
  Bert(const ClassifierConfig& config, const Checkpoint& checkpoint);
  std::shared_ptr<const Manifest> manifest() const override { return manifest_; }
  StateDict initial_state(const Rng& rng) const override;
  at::Tensor logits(const nn::Packed& batch, const nn::Trainable& params, const ForwardMode& mode) const override;
  const std::string& base_digest() const override { return base_digest_; }
  std::int64_t max_positions() const override { return config_.positions; }

  // Every token's state after `layers` layers, [T, D]; 0 is the embedding. For tests and for models that pool
  // otherwise.
  at::Tensor hidden_state(const nn::Packed& batch, const nn::Trainable& params, const ForwardMode& mode,
                          std::int64_t layers) const;

 private:
  // Where a trainable low-rank pair sits.
  struct AdapterSite {
    std::string a_name, b_name;
    std::int64_t in, out, first_output;
  };
  struct Step;  // one forward pass
  using Names = std::vector<std::string>;

  void place_adapters();
  void add_adapter(const std::string& linear, const std::string& module, std::int64_t in, std::int64_t out,
                   std::int64_t first_output);
  bool saved_whole(const std::string& module) const;
  at::Tensor embedding(const Step& step) const;
  at::Tensor layer(const Step& step, std::int64_t index, const at::Tensor& x_TD) const;
  at::Tensor pooled_layer(const Step& step, std::int64_t index, const at::Tensor& x_TD) const;
  at::Tensor after_attention(const Step& step, std::int64_t index, const at::Tensor& attended,
                             const at::Tensor& residual) const;
  at::Tensor linear(const Step& step, const std::string& name, const std::shared_ptr<const nn::FrozenLinear>& frozen,
                    const at::Tensor& x, std::int64_t skipped_outputs = 0) const;
  at::Tensor pooled(const Step& step, const at::Tensor& first_ND) const;

  BertConfig config_;
  AdapterConfig adapter_;
  std::int64_t classes_;
  at::Device device_;
  BertWeights weights_;
  std::shared_ptr<const nn::FrozenLinear> pooler_;
  std::map<std::string, std::vector<AdapterSite>> adapters_;  // by the linear layer that computes them
  std::vector<std::string> module_names_;                     // all that could be targeted
  std::shared_ptr<const Manifest> manifest_;
  std::string base_digest_;
};

std::shared_ptr<const SequenceClassifier> load_bert(const ClassifierConfig& config, const Checkpoint& checkpoint);

}  // namespace weft::models
