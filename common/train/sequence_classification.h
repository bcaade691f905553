// The task: one of C classes for each text. C = 2 is no special case.
// Suffixes: N texts · C classes.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/data/encode.h"

namespace weft::train {

class SequenceClassification {
 public:
  explicit SequenceClassification(std::size_t classes) : classes_(classes) {}
  std::size_t classes() const { return classes_; }
  // ConfigError naming `what` and the example when a label is not in [0, C).
  void check(const data::EncodedDataset& data, const std::string& what) const;
  // Mean cross-entropy, a scalar; differentiable.
  at::Tensor loss(const at::Tensor& logits_NC, const at::Tensor& labels_N) const;
  // Cross-entropy of each text, in double.
  std::vector<double> losses(const at::Tensor& logits_NC, const at::Tensor& labels_N) const;
  // The class with the largest logit; the first of equals.
  std::vector<std::size_t> predictions(const at::Tensor& logits_NC) const;

 private:
  std::size_t classes_;
};

}  // namespace weft::train
