// Training without federation, to compare with: a site alone, or all data pooled. One optimizer over all steps, and
// otherwise what a federated site does: same batches, schedule, clipping and dropout.
#pragma once
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "common/data/encode.h"
#include "common/fl/local_trainer.h"
#include "common/metrics/standing.h"
#include "common/train/task.h"
#include "common/train/train_config.h"

namespace weft::train {

struct PlainJob {
  const Task* task = nullptr;
  const data::EncodedDataset* data = nullptr;
  const StateDict* start = nullptr;
  TrainConfig config;       // local_steps is not used
  std::string name;         // labels the random streams, as a site's name does
  std::uint64_t steps = 0;  // all of them; where the schedule ends
  std::uint64_t seed = 0;
  int threads = 1;
  // With both, the adapter with the best validation score (the task's primary metric) among those after every
  // `validate_every` steps and after the last is returned; else the last.
  const data::EncodedDataset* validation = nullptr;
  std::uint64_t validate_every = 0;
};

struct PlainResult {
  StateDict adapter;
  std::uint64_t adapter_step = 0;  // steps taken when it was as returned
  metrics::Standing best;          // of `adapter` on the validation data, where there are some
  double loss = 0;                 // mean over all steps
  std::uint64_t tokens = 0;
  double seconds = 0;
};

PlainResult train_plainly(const PlainJob& job, const fl::ProgressFn& progress = {}, std::stop_token stop = {});

}  // namespace weft::train
