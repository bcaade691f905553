// Pictures and captions to one space: each picture nearer to its own caption than to the others, and the reverse.
//   logits = exp(scale) · image · textᵀ of unit vectors;  loss = mean of both directions' cross-entropy
// The others are those of the batch, so batch_size is part of what is learned. Scores are over a whole split.
// Suffixes: N pairs · E embedding.
// Source: Radford et al. 2021, "CLIP", arXiv:2103.00020, figure 3.
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/matmul.h>

#include <algorithm>

#include "common/base/result.h"
#include "common/metrics/loss.h"
#include "common/metrics/ranking.h"
#include "common/train/task_kinds.h"

namespace weft::train {
namespace {

at::Tensor contrastive_loss(const at::Tensor& logits_NN) {
  const at::Tensor own = at::arange(logits_NN.size(0), logits_NN.options().dtype(at::kLong));
  return at::cross_entropy_loss(logits_NN, own).add(at::cross_entropy_loss(logits_NN.t(), own)).div(2);
}

constexpr std::int64_t kQueries = 256;  // of which logits are held at once

// Ranks all queries among all candidates. The sum of their cross-entropies.
double add_queries(metrics::Tally& tally, metrics::Query query, const at::Tensor& queries_NE,
                   const at::Tensor& candidates_NE) {
  const std::int64_t n = queries_NE.size(0);
  double loss = 0;
  for (std::int64_t first = 0; first < n; first += kQueries) {
    const std::int64_t count = std::min(kQueries, n - first);
    const at::Tensor logits = at::matmul(queries_NE.narrow(0, first, count), candidates_NE.t()).contiguous();
    loss += at::cross_entropy_loss(logits, at::arange(first, first + count, at::kLong), {}, at::Reduction::Sum)
                .item<double>();
    metrics::add_ranking(tally, query, {logits.const_data_ptr<double>(), static_cast<std::size_t>(logits.numel())},
                         static_cast<std::size_t>(n), static_cast<std::size_t>(first));
  }
  return loss;
}

class ImageText final : public Task {
 public:
  using Task::Task;
  void check(const data::EncodedDataset& data, const std::string& what) const override {
    if (data.size() > 0 && data.images.size() != data.size())
      throw ConfigError(what + ": not every caption has a picture");
  }
  at::Tensor loss(const Batch& batch, const nn::Trainable& params, RngStream* dropout) const override {
    const at::Tensor scale = model().logit_scale(params, {dropout}).exp();
    return contrastive_loss(at::matmul(images(batch, params, dropout), texts(batch, params, dropout).t()).mul(scale));
  }
  bool has_parts() const override { return false; }
  std::unique_ptr<Scorer> scorer(const nn::Trainable& params) const override {
    return std::make_unique<SplitScorer>(*this, params);
  }

 private:
  at::Tensor images(const Batch& batch, const nn::Trainable& params, RngStream* dropout) const {
    return unit(model().image_embeddings(batch.inputs, params, {dropout}));
  }
  at::Tensor texts(const Batch& batch, const nn::Trainable& params, RngStream* dropout) const {
    return unit(model().text_embeddings(batch.inputs, params, {dropout}));
  }

  class SplitScorer final : public Scorer {
   public:
    SplitScorer(const ImageText& task, const nn::Trainable& params) : task_(task), params_(params) {}
    void add(const Batch& batch) override {
      images_.push_back(task_.images(batch, params_, nullptr).to(at::kCPU));
      texts_.push_back(task_.texts(batch, params_, nullptr).to(at::kCPU));
    }
    metrics::Tally tally() override {
      metrics::Tally tally;
      if (images_.empty()) return tally;
      const at::Tensor scale = task_.model().logit_scale(params_, {}).exp().to(at::kCPU, at::kDouble);
      const at::Tensor images_NE = at::cat(images_).to(at::kDouble).mul(scale),
                       texts_NE = at::cat(texts_).to(at::kDouble);
      const double loss = add_queries(tally, metrics::Query::image, images_NE, texts_NE) +
                          add_queries(tally, metrics::Query::text, texts_NE, images_NE);
      metrics::add_loss(tally, loss / 2, static_cast<double>(images_NE.size(0)));
      return tally;
    }

   private:
    const ImageText& task_;
    const nn::Trainable& params_;
    std::vector<at::Tensor> images_, texts_;
  };
};

}  // namespace

at::Tensor unit(const at::Tensor& x_NE) { return x_NE.div(at::linalg_vector_norm(x_NE, 2, {-1}, /*keepdim=*/true)); }

std::unique_ptr<const Task> image_text(const data::TaskConfig& config, ModelPointer model) {
  return std::make_unique<ImageText>(config, std::move(model));
}

}  // namespace weft::train
