// Publishing a folder in one step.
#include "common/checkpoint/new_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/base/file.h"
#include "common/base/result.h"

namespace weft::checkpoint {
namespace {

[[noreturn]] void fail(const char* doing, const std::filesystem::path& path) {
  throw Failure(std::string("cannot ") + doing + " " + path.string() + ": " + std::strerror(errno));
}

void sync(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail("open", path);
  const int code = ::fsync(fd);
  ::close(fd);
  if (code != 0) fail("sync", path);
}

std::filesystem::path without_slash(const std::filesystem::path& path) {
  const auto normal = std::filesystem::absolute(path).lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

}  // namespace

NewFolder::NewFolder(const std::filesystem::path& target) : target_(without_slash(target)) {
  working_ = target_.string() + ".tmp";
  std::error_code error;
  std::filesystem::remove_all(working_, error);
  make_folder(working_);
}

NewFolder::~NewFolder() {
  std::error_code error;
  std::filesystem::remove_all(working_, error);
}

void NewFolder::publish() {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(working_)) sync(entry.path());
  sync(working_);
  if (std::filesystem::exists(target_)) {
    // The old folder ends up under the working name, which the destructor removes.
    if (::renameat2(AT_FDCWD, working_.c_str(), AT_FDCWD, target_.c_str(), RENAME_EXCHANGE) != 0)
      fail("replace", target_);
  } else if (::rename(working_.c_str(), target_.c_str()) != 0) {
    fail("rename into", target_);
  }
  sync(target_.parent_path());
}

}  // namespace weft::checkpoint
