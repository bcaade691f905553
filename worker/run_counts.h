// How much has already been asked of this site, on disk: a worker that is started again does not begin at zero. Counted
// by the coordinator's certificate and the name of the run, for the coordinator can make as many run ids as it likes: a
// name that it uses again goes on counting. A file stays after its run has ended.
//
// File DIGEST.counts, DIGEST being the first half of the SHA-256 of "COORDINATOR\nRUN" as hex:
//   {"coordinator":"fl.example.org","run":"sentiment","trainings":12,"scorings":14}
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "common/base/disk.h"
#include "common/base/result.h"

namespace weft::worker {

// Whom a count is held against.
struct Asker {
  std::string coordinator;  // the name in its certificate; empty within one process
  std::string run;          // the run's name
  bool operator==(const Asker&) const = default;
};

struct RunCounts {
  std::int64_t trainings = 0;  // begun, repeated ones too
  std::int64_t scorings = 0;   // of an adapter on a split, begun
  bool operator==(const RunCounts&) const = default;
};

std::filesystem::path counts_file(const std::filesystem::path& folder, const Asker& asker);
// Zeros when there is no file; Error when there is one that is not ours.
Result<RunCounts> read_counts(const std::filesystem::path& folder, const Asker& asker, Disk& disk = system_disk());
// On Ok they survive a crash or power cut.
Status write_counts(const std::filesystem::path& folder, const Asker& asker, const RunCounts& counts,
                    Disk& disk = system_disk());

}  // namespace weft::worker
