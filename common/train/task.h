// What is learned: how a batch becomes a loss to train on, and what evaluations count. Each kind of task is one file
// and one line of the table in task.cpp.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/rng.h"
#include "common/data/encode.h"
#include "common/data/task_config.h"
#include "common/metrics/scheme.h"
#include "common/models/model.h"
#include "common/nn/trainable.h"
#include "common/train/batch.h"
#include "common/train/train_config.h"

namespace weft::train {

// Counts what a model with certain weights does on a data set, batch by batch. Borrows what it was made from.
class Scorer {
 public:
  virtual ~Scorer() = default;
  virtual void add(const Batch& batch) = 0;
  virtual metrics::Tally tally() = 0;  // once, after all batches
};

// Immutable: any thread, as long as the trainable weights are that thread's own.
class Task {
 public:
  Task(data::TaskConfig config, std::shared_ptr<const models::Model> model)
      : config_(std::move(config)), model_(std::move(model)) {}
  virtual ~Task() = default;
  const data::TaskConfig& config() const { return config_; }
  const models::Model& model() const { return *model_; }

  // ConfigError naming `what` and the example where a data set is not one of this task.
  virtual void check(const data::EncodedDataset& data, const std::string& what) const = 0;
  // ConfigError where the task cannot be trained so.
  void check(const TrainConfig& config) const;
  // What the mean loss of these examples is a mean over: their number, or that of their learned tokens.
  virtual double weight(const data::EncodedDataset& data, std::span<const std::uint32_t> examples) const;
  // Whether the loss of a batch is the weighted mean of its parts' losses.
  virtual bool has_parts() const { return true; }
  // The mean, a scalar; not of a weight of 0; differentiable. Dropout draws from `dropout`; nullptr: none.
  virtual at::Tensor loss(const Batch& batch, const nn::Trainable& params, RngStream* dropout) const = 0;
  // Counts without gradient. The default one passes each batch to count().
  virtual std::unique_ptr<Scorer> scorer(const nn::Trainable& params) const;
  // Rows that each example takes in the model: what batches are sorted and bounded by.
  std::vector<std::uint32_t> lengths(const data::EncodedDataset& data) const;

 protected:
  // Adds what is seen in a batch to a tally of the task's scheme.
  virtual void count(const Batch& batch, const nn::Trainable& params, metrics::Tally& tally) const;

 private:
  class BatchScorer;
  data::TaskConfig config_;
  std::shared_ptr<const models::Model> model_;
};

// `model` must have been loaded for this task.
std::shared_ptr<const Task> make_task(const data::TaskConfig& config, std::shared_ptr<const models::Model> model);

// What evaluations of the task count, and which value decides. Needs no model.
metrics::Scheme scheme_of(const data::TaskConfig& config);

}  // namespace weft::train
