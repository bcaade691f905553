#include "common/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace weft {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
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
  if (code == ENOSPC) text += "; free some space and go on (a coordinator with --resume): nothing committed was lost";
  return {text};
}

// What git has in place of a large file that was not fetched.
Status check_no_pointer(const std::filesystem::path& path, std::string_view content) {
  if (!content.starts_with("version https://git-lfs.github.com/spec/")) return Ok{};
  return Error{path.string() + " is a pointer of git-lfs, not the file; fetch it: git -C " +
               path.parent_path().string() + " lfs pull"};
}

Status write_all(int fd, const std::filesystem::path& path, ByteSpan content) {
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t put = ::write(fd, content.data() + done, content.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return system_error("write", path);
    done += static_cast<std::size_t>(put);
  }
  return Ok{};
}

Status sync_folder(const std::filesystem::path& folder) {
  const Descriptor fd(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) return system_error("sync folder", folder);
  return Ok{};
}

class AtomicFile final : public AtomicWriter {
 public:
  AtomicFile(std::filesystem::path path, std::filesystem::path temporary, Descriptor fd)
      : path_(std::move(path)), temporary_(std::move(temporary)), fd_(std::move(fd)) {}
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile() override {
    if (!renamed_) ::unlink(temporary_.c_str());
  }

  Status append(ByteSpan bytes) override { return write_all(fd_.get(), temporary_, bytes); }

  Status commit() override {
    if (::fsync(fd_.get()) != 0) return system_error("sync", temporary_);
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) return system_error("rename into", path_);
    renamed_ = true;
    return sync_folder(path_.parent_path());
  }

 private:
  std::filesystem::path path_, temporary_;
  Descriptor fd_;
  bool renamed_ = false;
};

class OpenFile final : public ScratchFile {
 public:
  OpenFile(std::filesystem::path path, Descriptor fd, std::uint64_t size)
      : path_(std::move(path)), fd_(std::move(fd)), size_(size) {}
  std::uint64_t size() const override { return size_; }

  Status read(std::uint64_t offset, std::span<std::uint8_t> into) const override {
    std::size_t done = 0;
    while (done < into.size()) {
      const ssize_t got = ::pread(fd_.get(), into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return system_error("read", path_);
      if (got == 0)
        return Error{"cannot read " + path_.string() + ": it ends at byte " + std::to_string(offset + done) +
                     ", expected " + std::to_string(into.size() - done) + " more; it was cut short"};
      done += static_cast<std::size_t>(got);
    }
    return Ok{};
  }

  Status append(ByteSpan bytes) override {
    if (Status put = write_all(fd_.get(), path_, bytes); !put) return put;
    size_ += bytes.size();
    return Ok{};
  }

 private:
  std::filesystem::path path_;
  Descriptor fd_;
  std::uint64_t size_;
};

}  // namespace

Result<std::string> read_text(const std::filesystem::path& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return system_error("read", path);
  std::string text;
  char block[1 << 16];
  ssize_t got = 0;
  while ((got = ::read(fd.get(), block, sizeof block)) > 0) text.append(block, static_cast<std::size_t>(got));
  if (got < 0) return system_error("read", path);
  if (Status whole = check_no_pointer(path, text); !whole) return whole.error();
  return text;
}

Status write_atomic(const std::filesystem::path& path, ByteSpan content) { return write_atomic(path, content, 0644); }

Status write_atomic(const std::filesystem::path& path, ByteSpan content, unsigned mode) {
  const Result<std::unique_ptr<AtomicWriter>> file = atomic_file(path, mode);
  if (!file) return file.error();
  if (Status put = file.value()->append(content); !put) return put;
  return file.value()->commit();
}

Result<std::unique_ptr<AtomicWriter>> atomic_file(const std::filesystem::path& path, unsigned mode) {
  const std::filesystem::path temporary = path.string() + ".tmp";
  ::unlink(temporary.c_str());
  Descriptor fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (fd.get() < 0) return system_error("create", temporary);
  return std::unique_ptr<AtomicWriter>(std::make_unique<AtomicFile>(path, temporary, std::move(fd)));
}

Status append_to(const std::filesystem::path& path, ByteSpan bytes) {
  const Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (fd.get() < 0) return system_error("open", path);
  return write_all(fd.get(), path, bytes);
}

std::filesystem::path nearest_existing(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::path there = std::filesystem::absolute(path, error);
  while (!std::filesystem::exists(there, error) && there.has_relative_path()) there = there.parent_path();
  return there;
}

// What is written into a folder is durable only if the folder is, which its parent's sync makes it.
void make_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::vector<std::filesystem::path> parents;
  for (auto folder = std::filesystem::absolute(path).lexically_normal(); !std::filesystem::exists(folder, error);
       folder = folder.parent_path())
    parents.push_back(folder.parent_path());
  std::filesystem::create_directories(path, error);
  if (error) throw Failure("cannot create folder " + path.string() + ": " + error.message());
  for (const std::filesystem::path& parent : parents) sync_folder(parent).value();
}

Result<std::unique_ptr<RandomReader>> open_file(const std::filesystem::path& path) {
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0) return system_error("open", path);
  if (!S_ISREG(info.st_mode)) return Error{"cannot read " + path.string() + ": not a regular file"};
  return std::unique_ptr<RandomReader>(
      std::make_unique<OpenFile>(path, std::move(fd), static_cast<std::uint64_t>(info.st_size)));
}

Result<std::unique_ptr<ScratchFile>> scratch_file(const std::filesystem::path& folder) {
  std::string name = (folder / "scratch.XXXXXX").string();
  Descriptor fd(::mkostemp(name.data(), O_CLOEXEC));
  if (fd.get() < 0) return system_error("create", name);
  if (::unlink(name.c_str()) != 0) return system_error("unlink", name);
  return std::unique_ptr<ScratchFile>(std::make_unique<OpenFile>(name, std::move(fd), 0));
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
  MappedFile mapped(static_cast<const std::uint8_t*>(data), size);
  if (Status whole = check_no_pointer(path, as_text(mapped.bytes())); !whole) return whole.error();
  return mapped;
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
