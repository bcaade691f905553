#include "common/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace weft {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

Error system_error(const char* doing, const std::filesystem::path& path) {
  const int code = errno;
  std::string text = std::string("cannot ") + doing + " " + path.string() + ": " + std::strerror(code);
  if (code == ENOSPC) text += "; free some space and run the same command again: nothing committed was lost";
  return {text};
}

Status write_all(int fd, const std::filesystem::path& path, ByteSpan content) {
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t put = ::write(fd, content.data() + done, content.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return system_error("write", path);
    done += static_cast<std::size_t>(put);
  }
  if (::fsync(fd) != 0) return system_error("sync", path);
  return Ok{};
}

Status sync_folder(const std::filesystem::path& folder) {
  const Descriptor fd(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) return system_error("sync folder", folder);
  return Ok{};
}

}  // namespace

Result<std::string> read_text(const std::filesystem::path& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return system_error("read", path);
  std::string text;
  char block[1 << 16];
  ssize_t got = 0;
  while ((got = ::read(fd.get(), block, sizeof block)) > 0) text.append(block, static_cast<std::size_t>(got));
  if (got < 0) return system_error("read", path);
  return text;
}

Status write_atomic(const std::filesystem::path& path, ByteSpan content) { return write_atomic(path, content, 0644); }

Status write_atomic(const std::filesystem::path& path, ByteSpan content, unsigned mode) {
  const std::filesystem::path temporary = path.string() + ".tmp";
  ::unlink(temporary.c_str());
  Status written = [&]() -> Status {
    const Descriptor fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (fd.get() < 0) return system_error("create", temporary);
    if (Status put = write_all(fd.get(), temporary, content); !put) return put;
    if (::rename(temporary.c_str(), path.c_str()) != 0) return system_error("rename into", path);
    return Ok{};
  }();
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  return sync_folder(path.parent_path());
}

void make_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw Failure("cannot create folder " + path.string() + ": " + error.message());
}

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0) return system_error("open", path);
  if (!S_ISREG(info.st_mode)) return Error{"cannot map " + path.string() + ": not a regular file"};
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size == 0) return MappedFile(nullptr, 0);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (data == MAP_FAILED) return system_error("map", path);
  return MappedFile(static_cast<const std::uint8_t*>(data), size);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      owned_(std::move(other.owned_)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(owned_, other.owned_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr && owned_ == nullptr) ::munmap(const_cast<std::uint8_t*>(data_), size_);
}

}  // namespace weft
