// From settings, model folder and data to what trains: shared by worker, simulation, comparison and evaluation, so
// that all of them compute the same.
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <semaphore>
#include <string>

#include "cli/run_file.h"
#include "common/data/dataset.h"
#include "common/data/encode.h"
#include "common/fl/local_trainer.h"
#include "common/image/preprocessor.h"
#include "common/text/chat_template.h"
#include "common/text/tokenizer.h"
#include "common/train/site_trainer.h"
#include "common/train/task.h"

namespace weft::cli {

// "auto": the first CUDA device, else the CPU. "cpu", "cuda:N". ConfigError when it is not there.
at::Device pick_device(const std::string& name);

// The model; what it says of its checkpoint is in the log.
std::shared_ptr<const models::Model> load_saying_notes(const models::ModelRequest& request);

// The template by its name, or the checkpoint's own ("checkpoint"), for this tokenizer; what a model would not read as
// one token is in the log.
Result<text::ChatTemplate> load_template(const std::string& name, const std::filesystem::path& folder,
                                         const text::Tokenizer& tokenizer);

// What one process loads of a base model for a run's task, shared by all its sites.
struct Base {
  std::shared_ptr<const train::Task> task;
  std::shared_ptr<const text::Tokenizer> tokenizer;         // where the task has texts
  std::shared_ptr<const image::Preprocessor> preprocessor;  // where it has pictures
  std::shared_ptr<const text::ChatTemplate> chat_template;  // where it has conversations
  const models::Model& model() const { return task->model(); }
};
Base load_base(const Settings& settings, const std::filesystem::path& model, at::Device device);

data::EncodedDataset encode(const Base& base, const std::vector<data::Example>& examples);
train::EncodedSplits encode(const Base& base, const data::Splits& splits);

// Trains on the base's device with so many threads.
std::unique_ptr<fl::LocalTrainer> make_trainer(const Settings& settings, const Base& base, train::EncodedSplits data,
                                               int threads);

// Lets at most as many trainers of one process run at once as there are slots, so that many simulated sites do not
// fight for the cores.
using Slots = std::counting_semaphore<>;
std::unique_ptr<fl::LocalTrainer> with_slots(std::unique_ptr<fl::LocalTrainer> trainer, std::shared_ptr<Slots> slots);
// Slots for sites of `threads` threads each on this machine; at least one.
std::shared_ptr<Slots> make_slots(int threads);

}  // namespace weft::cli
