// The machine's own disk, for tests that change something of it; and one with as much room as a test says.
#pragma once
#include "common/base/disk.h"

namespace weft {

class RealDisk : public Disk {
 public:
  bool exists(const std::filesystem::path& path) override { return real_.exists(path); }
  bool is_folder(const std::filesystem::path& path) override { return real_.is_folder(path); }
  std::vector<std::filesystem::path> list(const std::filesystem::path& folder) override { return real_.list(folder); }
  Result<MappedFile> read(const std::filesystem::path& path) override { return real_.read(path); }
  Result<std::unique_ptr<RandomReader>> open(const std::filesystem::path& path) override { return real_.open(path); }
  Result<std::unique_ptr<ScratchFile>> scratch(const std::filesystem::path& folder) override {
    return real_.scratch(folder);
  }
  Result<std::unique_ptr<AtomicWriter>> create(const std::filesystem::path& path) override {
    return real_.create(path);
  }
  Status write_atomic(const std::filesystem::path& path, ByteSpan content, unsigned mode) override {
    return real_.write_atomic(path, content, mode);
  }
  Status append(const std::filesystem::path& path, ByteSpan bytes) override { return real_.append(path, bytes); }
  Status sync(const std::filesystem::path& path) override { return real_.sync(path); }
  void make_folder(const std::filesystem::path& path) override { real_.make_folder(path); }
  Status rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    return real_.rename(from, to);
  }
  Status remove_all(const std::filesystem::path& path) override { return real_.remove_all(path); }
  Status publish(const std::filesystem::path& working, const std::filesystem::path& target) override {
    return real_.publish(working, target);
  }
  std::shared_ptr<void> lock(const std::filesystem::path& folder, const std::string& whom) override {
    return real_.lock(folder, whom);
  }
  const char* sqlite_vfs() const override { return real_.sqlite_vfs(); }

 private:
  Disk& real_ = system_disk();
};

class SmallDisk final : public RealDisk {
 public:
  explicit SmallDisk(std::uint64_t room) : room_(room) {}
  std::optional<std::uint64_t> free_bytes(const std::filesystem::path&) override { return room_; }

 private:
  std::uint64_t room_;
};

}  // namespace weft
