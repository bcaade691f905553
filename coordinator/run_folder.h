// What a run leaves on disk, and the order in which it becomes durable.
//
//   DIR/config.yaml         the resolved run file (written by the caller)
//   DIR/ledger.sqlite       rounds, updates, scores, refusals: the truth about the run
//   DIR/incoming/           what has come of an update that is on its way; gone at the end
//   DIR/versions/0003.safetensors   the adapter after round 3; written and synced before the ledger commits round 3
//   DIR/adapter/            the best version as a PEFT folder, at the end
//   DIR/summary.json        at the end, from the ledger
//   DIR/tensorboard/        event files
#pragma once
#include <cstdint>
#include <filesystem>
#include <vector>

#include "common/base/disk.h"
#include "common/base/result.h"
#include "common/tensor/state_dict.h"
#include "coordinator/version_file.h"

namespace weft::coordinator {

class RunFolder {
 public:
  explicit RunFolder(std::filesystem::path root, Disk& disk = system_disk()) : root_(std::move(root)), disk_(disk) {}
  Disk& disk() const { return disk_; }
  std::filesystem::path ledger() const { return root_ / "ledger.sqlite"; }
  std::filesystem::path incoming() const { return root_ / "incoming"; }
  std::filesystem::path adapter() const { return root_ / "adapter"; }
  std::filesystem::path summary() const { return root_ / "summary.json"; }
  std::filesystem::path version(std::uint32_t version) const;
  // To be filled and committed. Throws Failure (disk full: the old state stands).
  VersionWriter write_version(std::uint32_t version, const Manifest& manifest) const;
  // Error when it is missing, torn, or its digest is not `digest` (StateDict::digest()).
  Result<StateDict> read_version(std::uint32_t version, const std::string& digest) const;
  // The same by windows: nothing of it stays in memory.
  Result<VersionFile> open_version(std::uint32_t version, const std::string& digest, const Manifest& manifest) const;
  std::vector<std::uint32_t> versions() const;  // that have a file
  // Only what no decision can need again: versions other than the kept ones.
  void remove_version(std::uint32_t version) const;

 private:
  std::filesystem::path root_;
  Disk& disk_;
};

}  // namespace weft::coordinator
