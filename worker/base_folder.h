// Where the base model comes to lie: first as it arrives, in a folder of this site's own beside the model's, then, once
// every file is verified and synced, under the model's name. Nothing there is parsed before that. The part's files
// are only as long as what came, so their sizes say where to go on.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "common/base/disk.h"
#include "common/base/ids.h"
#include "common/fl/local_trainer.h"
#include "common/tensor/base_files.h"

namespace weft::worker {

// Each worker has its own part ("MODEL.part-SITE"), so that two with the same model folder cannot spoil one another's;
// whoever is done first has its model used by both. One thread at a time.
class BaseFolder {
 public:
  BaseFolder(const std::filesystem::path& model, const SiteId& site, Disk& disk = system_disk());
  const std::filesystem::path& model() const { return model_; }
  // Whether the model's folder has anything in it. Then there is no part any more.
  bool there();
  // Makes the part for these files, removes from it what does not fit them, and says how long each is. Throws Failure
  // where the disk has no room for the rest, `room` is what it says where it is tight.
  std::map<std::string, std::uint64_t> open(const BaseList& list, std::string& room);
  Status append(const std::string& name, ByteSpan bytes);
  // The names of those that are not what the list says; they are removed. Throws fl::Cancelled, Failure.
  std::vector<std::string> check(const BaseList& list, const fl::ProgressFn& progress, const std::stop_token& stop);
  // The part, which was checked, becomes the model and survives a power cut. Throws Failure.
  void publish();

 private:
  bool model_is_there() const;
  void remove(const std::filesystem::path& path);
  std::filesystem::path model_, part_;
  Disk* disk_;
};

}  // namespace weft::worker
