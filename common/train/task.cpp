// The table of tasks, and what all of them share.
#include "common/train/task.h"

#include <algorithm>
#include <array>

#include "common/base/result.h"
#include "common/train/task_kinds.h"

namespace weft::train {
namespace {

struct Kind {
  TaskKind kind;
  std::unique_ptr<const Task> (*make)(const data::TaskConfig&, ModelPointer);
  metrics::Scheme (*scheme)(const data::TaskConfig&);
};

metrics::Scheme text_scheme(const data::TaskConfig& config) {
  switch (config.problem) {
    case data::Problem::multi_label:
      return metrics::multi_label_scheme(config.labels.size());
    case data::Problem::regression:
      return metrics::regression_scheme();
    case data::Problem::single_label:
      break;
  }
  return metrics::classification_scheme(config.labels.size());
}

const Kind& kind_of(const data::TaskConfig& config) {
  static constexpr std::array kKinds{
      Kind{TaskKind::sequence_classification, &sequence_classification, &text_scheme},
      Kind{TaskKind::token_classification, &token_classification,
           [](const data::TaskConfig& task) { return metrics::token_labels_scheme(task.labels); }},
      Kind{TaskKind::causal_lm, &causal_lm, [](const data::TaskConfig&) { return metrics::language_scheme(); }},
      Kind{TaskKind::image_classification, &image_classification,
           [](const data::TaskConfig& task) { return metrics::classification_scheme(task.labels.size()); }},
      Kind{TaskKind::image_text, &image_text, [](const data::TaskConfig&) { return metrics::image_text_scheme(); }},
  };
  const auto* found =
      std::find_if(kKinds.begin(), kKinds.end(), [&](const Kind& kind) { return kind.kind == config.kind; });
  WEFT_CHECK(found != kKinds.end(), "a task of no known kind");
  return *found;
}

}  // namespace

class Task::BatchScorer final : public Scorer {
 public:
  BatchScorer(const Task& task, const nn::Trainable& params) : task_(task), params_(params) {}
  void add(const Batch& batch) override { task_.count(batch, params_, tally_); }
  metrics::Tally tally() override { return std::move(tally_); }

 private:
  const Task& task_;
  const nn::Trainable& params_;
  metrics::Tally tally_;
};

std::unique_ptr<Scorer> Task::scorer(const nn::Trainable& params) const {
  return std::make_unique<BatchScorer>(*this, params);
}

void Task::count(const Batch&, const nn::Trainable&, metrics::Tally&) const {
  WEFT_CHECK(false, "a task has neither a scorer nor counts of its own");
}

void Task::check(const TrainConfig& config) const {
  if (has_parts() || (config.accumulation == 1 && config.batch_tokens == 0)) return;
  throw ConfigError("train." +
                    (config.accumulation > 1 ? "accumulation: got " + std::to_string(config.accumulation)
                                             : "batch_tokens: got " + std::to_string(config.batch_tokens)) +
                    ", but the examples of a batch of " + std::string(name_of(config_.kind)) +
                    " are told from each other, so that it cannot be split; leave the key out and, if memory does "
                    "not hold a batch, lower train.batch_size");
}

double Task::weight(const data::EncodedDataset&, std::span<const std::uint32_t> examples) const {
  return static_cast<double>(examples.size());
}

std::vector<std::uint32_t> Task::lengths(const data::EncodedDataset& data) const {
  std::vector<std::uint32_t> lengths(data.size(),
                                     data.images.size() > 0 ? static_cast<std::uint32_t>(model().image_rows()) : 0U);
  if (data.starts.size() > 1)
    for (std::size_t i = 0; i < lengths.size(); ++i) lengths[i] += static_cast<std::uint32_t>(data.length(i));
  return lengths;
}

std::shared_ptr<const Task> make_task(const data::TaskConfig& config, std::shared_ptr<const models::Model> model) {
  WEFT_CHECK(model != nullptr && model->task() == config.kind, "a task needs a model that was loaded for it");
  return kind_of(config).make(config, std::move(model));
}

metrics::Scheme scheme_of(const data::TaskConfig& config) { return kind_of(config).scheme(config); }

void check_labels(const data::TaskConfig& config, const std::vector<std::int32_t>& labels, const std::string& what) {
  const auto classes = static_cast<std::int32_t>(config.labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (labels[i] != data::kNoLoss && (labels[i] < 0 || labels[i] >= classes))
      throw ConfigError(what + ", number " + std::to_string(i) + ": got label " + std::to_string(labels[i]) +
                        ", but task.labels names " + std::to_string(classes) + " classes, 0 to " +
                        std::to_string(classes - 1) + "; check the label mapping of the data");
}

}  // namespace weft::train
