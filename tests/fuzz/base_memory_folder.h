// A folder of this process for what every input writes: in memory where the machine has such a place.
#pragma once
#include <unistd.h>

#include <filesystem>
#include <string>

namespace weft {

struct MemoryFolder {
  explicit MemoryFolder(const std::string& prefix)
      : path((std::filesystem::exists("/dev/shm") ? "/dev/shm" : std::filesystem::temp_directory_path()) /
             (prefix + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path);
  }
  MemoryFolder(const MemoryFolder&) = delete;
  MemoryFolder& operator=(const MemoryFolder&) = delete;
  ~MemoryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path, error);
  }
  std::filesystem::path path;
};

}  // namespace weft
