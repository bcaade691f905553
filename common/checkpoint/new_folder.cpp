// Publishing a folder in one step.
#include "common/checkpoint/new_folder.h"

#include "common/base/result.h"

namespace weft::checkpoint {
namespace {

std::filesystem::path without_slash(const std::filesystem::path& path) {
  const auto normal = std::filesystem::absolute(path).lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

}  // namespace

NewFolder::NewFolder(const std::filesystem::path& target, Disk& disk) : disk_(disk), target_(without_slash(target)) {
  working_ = target_.string() + ".tmp";
  (void)disk_.remove_all(working_);
  disk_.make_folder(working_);
}

NewFolder::~NewFolder() { (void)disk_.remove_all(working_); }

// A folder that was there is under the working name afterwards, which the destructor removes.
void NewFolder::publish() {
  if (const Status published = disk_.publish(working_, target_); !published) throw Failure(published.error().message);
}

}  // namespace weft::checkpoint
