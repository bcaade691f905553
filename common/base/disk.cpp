// The machine's own disk.
#include "common/base/disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "common/base/folder_lock.h"

namespace weft {
namespace {

namespace fs = std::filesystem;

Error failed(const char* doing, const fs::path& path, const std::string& reason) {
  return {std::string("cannot ") + doing + " " + path.string() + ": " + reason};
}

Status sync_path(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed("open", path, std::strerror(errno));
  const int code = ::fsync(fd), reason = errno;
  ::close(fd);
  if (code != 0) return failed("sync", path, std::strerror(reason));
  return Ok{};
}

class SystemDisk final : public Disk {
 public:
  bool exists(const fs::path& path) override { return fs::exists(path); }
  bool is_folder(const fs::path& path) override { return fs::is_directory(path); }

  std::vector<fs::path> list(const fs::path& folder) override {
    std::vector<fs::path> found;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
  }

  Result<MappedFile> read(const fs::path& path) override { return MappedFile::open(path); }
  Result<std::unique_ptr<RandomReader>> open(const fs::path& path) override { return open_file(path); }
  Result<std::unique_ptr<ScratchFile>> scratch(const fs::path& folder) override { return scratch_file(folder); }

  Status write_atomic(const fs::path& path, ByteSpan content, unsigned mode) override {
    return weft::write_atomic(path, content, mode);
  }

  Result<std::unique_ptr<AtomicWriter>> create(const fs::path& path) override { return atomic_file(path); }

  Status append(const fs::path& path, ByteSpan bytes) override { return append_to(path, bytes); }

  Status sync(const fs::path& path) override {
    if (!fs::exists(path)) return Ok{};
    return sync_path(path);
  }

  void make_folder(const fs::path& path) override { weft::make_folder(path); }

  Status rename(const fs::path& from, const fs::path& to) override {
    std::error_code error;
    fs::rename(from, to, error);
    if (error) return failed("rename", from, error.message());
    return Ok{};
  }

  Status remove_all(const fs::path& path) override {
    std::error_code error;
    fs::remove_all(path, error);
    if (error) return failed("remove", path, error.message());
    return Ok{};
  }

  Status publish(const fs::path& working, const fs::path& target) override {
    for (const auto& entry : fs::recursive_directory_iterator(working))
      if (Status synced = sync_path(entry.path()); !synced) return synced;
    if (Status synced = sync_path(working); !synced) return synced;
    const bool swap = fs::exists(target);
    if (::renameat2(AT_FDCWD, working.c_str(), AT_FDCWD, target.c_str(), swap ? RENAME_EXCHANGE : RENAME_NOREPLACE) !=
        0)
      return failed(swap ? "replace" : "rename into", target, std::strerror(errno));
    return sync_path(target.parent_path());
  }

  std::shared_ptr<void> lock(const fs::path& folder, const std::string& whom) override {
    return std::make_shared<FolderLock>(folder, whom);
  }

  std::optional<std::uint64_t> free_bytes(const fs::path& folder) override {
    std::error_code error;
    const fs::space_info space = fs::space(nearest_existing(folder), error);
    if (error) return std::nullopt;
    return space.available;
  }

  const char* sqlite_vfs() const override { return nullptr; }
};

}  // namespace

void drop_temporaries(const fs::path& folder, Disk& disk) {
  for (const fs::path& file : disk.list(folder))
    if (file.extension() == ".tmp" && !disk.is_folder(file)) (void)static_cast<bool>(disk.remove_all(file));
}

Disk& system_disk() {
  static SystemDisk disk;
  return disk;
}

}  // namespace weft
