// Pictures to classes.
#include <ATen/ops/cross_entropy_loss.h>

#include "common/train/task_kinds.h"

namespace weft::train {
namespace {

class ImageClassification final : public Task {
 public:
  using Task::Task;
  void check(const data::EncodedDataset& data, const std::string& what) const override {
    check_labels(config(), data.labels, what);
  }
  at::Tensor loss(const Batch& batch, const nn::Trainable& params, RngStream* dropout) const override {
    return at::cross_entropy_loss(model().image_logits(batch.inputs, params, {dropout}), batch.labels_N);
  }

 protected:
  void count(const Batch& batch, const nn::Trainable& params, metrics::Tally& tally) const override {
    count_one_label(model().image_logits(batch.inputs, params, {}), batch.labels_N, tally);
  }
};

}  // namespace

std::unique_ptr<const Task> image_classification(const data::TaskConfig& config, ModelPointer model) {
  return std::make_unique<ImageClassification>(config, std::move(model));
}

}  // namespace weft::train
