// The lock is the open file, not its presence: a file left behind locks nobody out.
#include "common/base/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/base/result.h"

namespace weft {

FolderLock::FolderLock(const std::filesystem::path& folder, const std::string& whom) {
  const std::filesystem::path file = folder / "lock";
  fd_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd_ < 0) throw Failure("cannot create " + file.string() + ": " + std::strerror(errno));
  if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) return;
  const int code = errno;
  ::close(fd_);
  if (code == EWOULDBLOCK) throw Failure(folder.string() + " is in use by " + whom);
  throw Failure("cannot lock " + file.string() + ": " + std::strerror(code));
}

FolderLock::~FolderLock() { ::close(fd_); }

}  // namespace weft
