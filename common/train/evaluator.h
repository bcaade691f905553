// Scores of an adapter on a data set, in batches of like length within a token budget.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>

#include "common/data/encode.h"
#include "common/fl/local_trainer.h"
#include "common/metrics/tally.h"
#include "common/train/task.h"

namespace weft::train {

struct Score {
  metrics::Tally tally;
  std::uint64_t examples = 0, tokens = 0;
  double seconds = 0;
};

struct EvaluatorOptions {
  int threads = 1;
  std::uint64_t batch_tokens = 4096;
};

// No gradients, no dropout. Throws fl::Cancelled when `stop` is asked to.
Score evaluate(const Task& task, const StateDict& adapter, const data::EncodedDataset& data,
               const EvaluatorOptions& options, const fl::ProgressFn& progress = {}, std::stop_token stop = {});

// The same with what else than the task's own scorer counts; it may keep `params` as long as it lives.
using MakeScorer = std::function<std::unique_ptr<Scorer>(const nn::Trainable& params)>;
Score evaluate(const Task& task, const MakeScorer& make_scorer, const StateDict& adapter,
               const data::EncodedDataset& data, const EvaluatorOptions& options, const fl::ProgressFn& progress = {},
               std::stop_token stop = {});

}  // namespace weft::train
