// What a worker needs of a trainer. The real one lives in train; tests of rounds and sessions use small ones.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/metrics/tally.h"
#include "common/tensor/state_dict.h"

namespace weft::fl {

struct SiteFacts {
  std::string base_digest;                        // of the base model's files
  std::shared_ptr<const Manifest> manifest;       // of the adapter
  std::map<std::string, std::uint64_t> examples;  // per split: "train", "validation", "test"
};

// How far one training has got, kept for a process that dies and goes on. What is in it is the trainer's own.
class TrainingCheckpoint {
 public:
  virtual ~TrainingCheckpoint() = default;
  virtual std::optional<Bytes> load() = 0;  // of this very training; nullopt: there is none
  virtual bool due() = 0;
  virtual void save(ByteSpan state) = 0;  // that it could not be kept is said, and training goes on
};

struct TrainJob {
  std::string site;         // labels the random streams
  std::uint32_t round = 0;  // from 1
  const StateDict* start = nullptr;
  std::uint32_t steps = 0;                   // 0: as many as the run's settings say; never more
  TrainingCheckpoint* checkpoint = nullptr;  // may be none. What it holds ends in the same bits as an unbroken training
};

struct TrainResult {
  StateDict update;                      // trained minus start
  std::uint64_t examples = 0;            // the site's weight in FedAvg: examples in its training split
  std::map<std::string, double> values;  // "loss", "steps", "tokens", "seconds"
};

struct Evaluation {
  std::uint64_t examples = 0;
  metrics::Tally tally;  // what the task's scheme counts
};

struct TrainProgress {
  std::uint64_t done = 0, total = 0;  // steps or batches
  double tokens_per_second = 0;
};
using ProgressFn = std::function<void(const TrainProgress&)>;

// Used from one thread at a time. Same inputs give the same bits, whatever was called before.
// Throws Failure or ConfigError with a message for the site's operator; Cancelled when the token stops it.
struct Cancelled {};

class LocalTrainer {
 public:
  virtual ~LocalTrainer() = default;
  virtual const SiteFacts& facts() const = 0;
  virtual TrainResult train(const TrainJob& job, const ProgressFn& progress, std::stop_token stop) = 0;
  virtual Evaluation evaluate(const StateDict& adapter, const std::string& split, const ProgressFn& progress,
                              std::stop_token stop) = 0;
};

}  // namespace weft::fl
