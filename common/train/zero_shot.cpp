// Suffixes: N pictures · C classes · P prompts of a class · E embedding.
#include "common/train/zero_shot.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>

#include <numeric>

#include "common/base/result.h"
#include "common/train/batch_plan.h"
#include "common/train/task_kinds.h"

namespace weft::train {
namespace {

constexpr std::string_view kPlace = "{}";

// Unit vectors [C, E].
at::Tensor class_embeddings(const Task& task, const nn::Trainable& params, const data::EncodedDataset& prompts,
                            std::int64_t classes, std::uint64_t batch_tokens) {
  Indices all(prompts.size());
  std::iota(all.begin(), all.end(), 0U);
  std::vector<at::Tensor> parts;
  for (const auto& part : micro_batches(task.lengths(prompts), all, 1, batch_tokens)) {
    const Batch batch = make_batch(prompts, part, task.model().device());
    parts.push_back(unit(task.model().text_embeddings(batch.inputs, params, {})));
  }
  return unit(at::cat(parts).unflatten(0, {classes, -1}).mean(1));
}

class ZeroShotScorer final : public Scorer {
 public:
  ZeroShotScorer(const models::Model& model, const nn::Trainable& params, const at::Tensor& classes_CE)
      : model_(model), params_(params), scaled_EC_(classes_CE.t().mul(model.logit_scale(params, {}).exp())) {}
  void add(const Batch& batch) override {
    const at::Tensor pictures_NE = unit(model_.image_embeddings(batch.inputs, params_, {}));
    count_one_label(at::matmul(pictures_NE, scaled_EC_), batch.labels_N, tally_);
  }
  metrics::Tally tally() override { return std::move(tally_); }

 private:
  const models::Model& model_;
  const nn::Trainable& params_;
  at::Tensor scaled_EC_;
  metrics::Tally tally_;
};

}  // namespace

std::vector<std::string> zero_shot_prompts(const std::vector<std::string>& labels,
                                           const std::vector<std::string>& templates) {
  if (templates.empty()) throw ConfigError("zero-shot: no template; give one such as \"a photo of a {}\"");
  std::vector<std::string> prompts;
  for (const std::string& label : labels)
    for (const std::string& form : templates) {
      const std::size_t place = form.find(kPlace);
      if (place == std::string::npos)
        throw ConfigError("zero-shot: the template \"" + form + "\" has no {} where the label goes");
      prompts.push_back(std::string(form).replace(place, kPlace.size(), label));
    }
  return prompts;
}

Score evaluate_zero_shot(const Task& task, const StateDict& adapter, const data::EncodedDataset& prompts,
                         std::size_t classes, const data::EncodedDataset& pictures, const EvaluatorOptions& options) {
  WEFT_CHECK(classes > 0 && prompts.size() > 0 && prompts.size() % classes == 0, "as many prompts of each class");
  const auto scorer = [&](const nn::Trainable& params) {
    return std::make_unique<ZeroShotScorer>(
        task.model(), params,
        class_embeddings(task, params, prompts, static_cast<std::int64_t>(classes), options.batch_tokens));
  };
  return evaluate(task, scorer, adapter, pictures, options);
}

}  // namespace weft::train
