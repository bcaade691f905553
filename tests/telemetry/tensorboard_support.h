// A run's events written to a fresh folder.
#pragma once
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "common/telemetry/tensorboard.h"

namespace weft::telemetry {

class EventFolder {
 public:
  EventFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "weft_eventsXXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~EventFolder() { std::filesystem::remove_all(path_); }
  EventFolder(const EventFolder&) = delete;
  EventFolder& operator=(const EventFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Two rounds: scores of version 1, and both commits.
inline void write_sample_run(RunObserver& observer) {
  observer.on(RoundCommitted{1, 2, {"a"}, 0.75, 2.5, 1000, 2000, "ee"});
  observer.on(SiteScored{"a", "validation", 1, 40, {{{"loss", {25, 40}}}}, "loss"});
  observer.on(VersionScored{"validation", 1, 80, {{{"loss", {20, 80}}}}, "loss"});
  observer.on(SiteProgress{"a", "training", 1, 2, 3});
  observer.on(RoundCommitted{2, 2, {"a"}, 0.25, 1.5, 3000, 4000, "ff"});
}

}  // namespace weft::telemetry
