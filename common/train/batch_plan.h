// Which examples each step trains on: an endless seeded order that is computed from (seed, site, step) alone, so that
// a worker that starts again in any round sees the same batches.
// Each epoch is a permutation of its own in which every example comes once. Examples are sorted by length within
// windows of some batches and the batches of a window are shuffled: batches hold texts of like length, epochs do not
// run from short to long.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/rng.h"

namespace weft::train {

using Indices = std::vector<std::uint32_t>;

struct BatchPlanOptions {
  std::uint64_t batch_size = 32;
  std::uint64_t length_window = 8;
};

// One thread: keeps the epoch it is in.
class BatchPlan {
 public:
  // `lengths`: of each example, at least one.
  BatchPlan(std::vector<std::uint32_t> lengths, const BatchPlanOptions& options, const Rng& rng, std::string site);
  const std::vector<std::uint32_t>& lengths() const { return lengths_; }
  std::uint64_t batches_per_epoch() const;
  // Examples of the run's step `step` (from 0), of ascending length. Valid until the next call.
  const Indices& batch(std::uint64_t step);

 private:
  void plan_epoch(std::uint64_t epoch);

  std::vector<std::uint32_t> lengths_;
  BatchPlanOptions options_;
  Rng rng_;
  std::string site_;
  std::optional<std::uint64_t> epoch_;
  std::vector<Indices> batches_;
};

// Splits a batch into at most `parts` runs of nearly equal example counts, and each of these wherever it would exceed
// `max_tokens` (0: no limit; an example that is longer than that stands alone). None is empty. `lengths` is of all
// examples of the data set.
std::vector<std::span<const std::uint32_t>> micro_batches(std::span<const std::uint32_t> lengths,
                                                          std::span<const std::uint32_t> batch, std::uint64_t parts,
                                                          std::uint64_t max_tokens);

}  // namespace weft::train
