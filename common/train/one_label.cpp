// What is counted where each example is of exactly one class.
#include <ATen/ops/argmax.h>
#include <ATen/ops/cross_entropy_loss.h>

#include "common/metrics/auroc.h"
#include "common/metrics/confusion.h"
#include "common/metrics/loss.h"
#include "common/train/task_kinds.h"

namespace weft::train {
void count_one_label(const at::Tensor& logits_NC, const at::Tensor& labels_N, metrics::Tally& tally) {
  const at::Tensor logits = logits_NC.to(at::kCPU, at::kDouble).contiguous(), labels = labels_N.to(at::kCPU);
  const at::Tensor losses = at::cross_entropy_loss(logits, labels, {}, at::Reduction::None);
  const at::Tensor predictions = at::argmax(logits, 1);
  const auto classes = static_cast<std::size_t>(logits.size(1));
  metrics::ConfusionMatrix confusion(classes);
  double loss = 0;
  for (std::int64_t n = 0; n < labels.numel(); ++n) {
    const auto label = static_cast<std::size_t>(labels.const_data_ptr<std::int64_t>()[n]);
    loss += losses.const_data_ptr<double>()[n];
    confusion.add(label, static_cast<std::size_t>(predictions.const_data_ptr<std::int64_t>()[n]));
    const std::span row(logits.const_data_ptr<double>() + n * logits.size(1), classes);
    if (classes <= metrics::kAurocClasses) metrics::add_auroc(tally, label, metrics::log_odds(row));
  }
  metrics::add_loss(tally, loss, static_cast<double>(labels.numel()));
  metrics::add_confusion(tally, confusion);
}

}  // namespace weft::train
