// How much a run has already asked of this site, on disk: a worker that is started again does not begin at zero. A
// file stays after its run has ended, for the coordinator could come back with the same run.
//
// File RUN_ID.counts: {"trainings":12,"scorings":14}
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "common/base/result.h"

namespace weft::worker {

struct RunCounts {
  std::int64_t trainings = 0;  // begun, repeated ones too
  std::int64_t scorings = 0;   // of an adapter on a split, begun
  bool operator==(const RunCounts&) const = default;
};

// `run_id` was checked (valid_run_id). Zeros when there is no file; Error when there is one that is not ours.
Result<RunCounts> read_counts(const std::filesystem::path& folder, const std::string& run_id);
// On Ok they survive a crash or power cut.
Status write_counts(const std::filesystem::path& folder, const std::string& run_id, const RunCounts& counts);

}  // namespace weft::worker
