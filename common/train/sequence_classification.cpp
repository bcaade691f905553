// Cross-entropy and argmax.
#include "common/train/sequence_classification.h"

#include <ATen/core/Reduction.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cross_entropy_loss.h>

#include "common/base/result.h"

namespace weft::train {

void SequenceClassification::check(const data::EncodedDataset& data, const std::string& what) const {
  for (std::size_t i = 0; i < data.size(); ++i)
    if (data.labels[i] < 0 || static_cast<std::size_t>(data.labels[i]) >= classes_)
      throw ConfigError(what + ": example " + std::to_string(i) + " has label " + std::to_string(data.labels[i]) +
                        ", but task.labels names " + std::to_string(classes_) + " classes, 0 to " +
                        std::to_string(classes_ - 1) + "; check the label mapping of the data");
}

at::Tensor SequenceClassification::loss(const at::Tensor& logits_NC, const at::Tensor& labels_N) const {
  return at::cross_entropy_loss(logits_NC, labels_N);
}

std::vector<double> SequenceClassification::losses(const at::Tensor& logits_NC, const at::Tensor& labels_N) const {
  const at::Tensor each =
      at::cross_entropy_loss(logits_NC.to(at::kDouble), labels_N, {}, at::Reduction::None).to(at::kCPU).contiguous();
  const double* values = each.const_data_ptr<double>();
  return {values, values + each.numel()};
}

std::vector<std::size_t> SequenceClassification::predictions(const at::Tensor& logits_NC) const {
  const at::Tensor largest = at::argmax(logits_NC, 1).to(at::kCPU).contiguous();
  const std::int64_t* values = largest.const_data_ptr<std::int64_t>();
  return {values, values + largest.numel()};
}

}  // namespace weft::train
