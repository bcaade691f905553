// All sites of a run on this machine: as threads of this process that share the frozen base, or as processes that talk
// TLS on loopback. Both run the same coordinator, worker, messages and trainer.
#pragma once
#include <cstdint>
#include <stop_token>
#include <vector>

#include "cli/run_job.h"
#include "common/data/dataset.h"

namespace weft::cli {

// The limits of a simulated site's policy.
inline constexpr std::int64_t kAnyNumber = 1'000'000'000'000;

struct SimulatedRun {
  RunFile run;
  RunPlace place;
  std::vector<data::SiteData> sites;
};

// Each returns an exit code: 0 when the run finished, 1 when it was stopped. Throws what coordinator and workers throw.
int simulate_in_one_process(const SimulatedRun& job, const Base& base, std::stop_token stop);

// One coordinator and one worker process per site, with a throwaway PKI. A process that dies by a signal is started
// again, the coordinator with --resume. Output of workers goes to DIR/logs/. An exit code other than 0 is that of the
// first process that failed for a reason of its own.
int simulate_as_processes(const SimulatedRun& job, std::stop_token stop);

}  // namespace weft::cli
