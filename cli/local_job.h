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
#include "common/metrics/scheme.h"
#include "common/models/model.h"
#include "common/text/tokenizer.h"
#include "common/train/site_trainer.h"

namespace weft::cli {

// "auto": the first CUDA device, else the CPU. "cpu", "cuda:N". ConfigError when it is not there.
at::Device pick_device(const std::string& name);

// Frozen base model and tokenizer of one process, shared by all its sites.
struct Base {
  std::shared_ptr<const models::Model> classifier;
  std::shared_ptr<const text::Tokenizer> tokenizer;
};
Base load_base(const Settings& settings, const std::filesystem::path& model, at::Device device);

// What evaluations of the task count, and which value decides.
metrics::Scheme scheme_of(const Settings& settings);

train::EncodedSplits encode(const Base& base, const data::Splits& splits, std::size_t max_tokens);

struct TrainerPlace {
  at::Device device = at::kCPU;
  int threads = 1;
};
std::unique_ptr<fl::LocalTrainer> make_trainer(const Settings& settings, const Base& base, train::EncodedSplits data,
                                               const TrainerPlace& place);

// Lets at most as many trainers of one process run at once as there are slots, so that many simulated sites do not
// fight for the cores.
using Slots = std::counting_semaphore<>;
std::unique_ptr<fl::LocalTrainer> with_slots(std::unique_ptr<fl::LocalTrainer> trainer, std::shared_ptr<Slots> slots);
// Slots for sites of `threads` threads each on this machine; at least one.
std::shared_ptr<Slots> make_slots(int threads);

}  // namespace weft::cli
