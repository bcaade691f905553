// One process at a time in a folder: an flock on FOLDER/lock, which the system takes back when the process dies.
#pragma once
#include <filesystem>
#include <string>

namespace weft {

class FolderLock {
 public:
  // Throws Failure: "FOLDER is in use by <whom>" when another process, or another lock of this one, holds it.
  FolderLock(const std::filesystem::path& folder, const std::string& whom);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_ = -1;
};

}  // namespace weft
