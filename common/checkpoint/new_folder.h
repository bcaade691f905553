// A folder that appears whole or not at all: files are written beside it, synced, and renamed into place together.
#pragma once
#include <filesystem>

#include "common/base/disk.h"

namespace weft::checkpoint {

class NewFolder {
 public:
  // Makes an empty working folder beside `target` (leftovers of a crash are removed). Throws Failure.
  explicit NewFolder(const std::filesystem::path& target, Disk& disk = system_disk());
  ~NewFolder();  // removes what was not published
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;
  const std::filesystem::path& working() const { return working_; }
  // Syncs every file and renames the folder to its target; a folder that stands there is swapped out in one step and
  // removed. Throws Failure.
  void publish();

 private:
  Disk& disk_;
  std::filesystem::path target_, working_;
};

}  // namespace weft::checkpoint
