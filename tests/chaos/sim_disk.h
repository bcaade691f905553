// A disk in memory that behaves as a real one may: it gets full or slow, reads, writes and syncs fail, and a power cut
// takes what was not synced.
// What was written since the last sync of a file survives in any combination, torn at sectors; what was renamed, made
// or removed since the last sync of its folder survives up to some point, in order. Folders themselves survive.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/disk.h"
#include "common/base/rng.h"
#include "tests/chaos/machine.h"

struct sqlite3_vfs;

namespace weft::chaos {

// A file's content, as processes see it and as a power cut would leave it.
class Inode {
 public:
  const Bytes& content() const { return content_; }
  void write(std::size_t offset, ByteSpan data);
  void truncate(std::size_t size);
  void sync();
  void cut_power(RngStream& random);

 private:
  struct Change {
    std::size_t offset = 0;
    Bytes data;
    bool truncates = false;  // to `offset`
  };
  static void apply(Bytes& content, const Change& change);
  Bytes content_, synced_;
  std::vector<Change> changes_;  // since the last sync
};

class SimDisk final : public Disk {
 public:
  SimDisk(Machine& machine, RngStream random);
  ~SimDisk() override;
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;

  std::function<void(const std::string& path, ByteSpan content)> on_written = {};  // by write_atomic, and it is durable
  Milliseconds slowness{};                                                         // of each operation
  double error_rate = 0;                                                           // of reads, writes and syncs
  std::optional<std::uint64_t> limit;                                              // of used()
  bool faulty = false;                                                             // it has failed, or was too full
  std::uint64_t used() const;                                                      // bytes in files that have names
  void release_locks() {
    ++boot_;
    locked_.clear();
  }  // what the end of a process does
  void cut_power();
  // What there is on another one of files whose paths begin so.
  void take_from(const SimDisk& other, const std::string& beginning);

  bool exists(const std::filesystem::path& path) override;
  bool is_folder(const std::filesystem::path& path) override { return folders_.contains(path.string()); }
  std::vector<std::filesystem::path> list(const std::filesystem::path& folder) override;
  Result<MappedFile> read(const std::filesystem::path& path) override;
  Result<std::unique_ptr<RandomReader>> open(const std::filesystem::path& path) override;
  Result<std::unique_ptr<ScratchFile>> scratch(const std::filesystem::path& folder) override;
  Status write_atomic(const std::filesystem::path& path, ByteSpan content, unsigned mode) override;
  Result<std::unique_ptr<AtomicWriter>> create(const std::filesystem::path& path) override;
  Status append(const std::filesystem::path& path, ByteSpan bytes) override;
  Status sync(const std::filesystem::path& path) override;
  void make_folder(const std::filesystem::path& path) override;
  Status rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Status remove_all(const std::filesystem::path& path) override;
  Status publish(const std::filesystem::path& working, const std::filesystem::path& target) override;
  std::shared_ptr<void> lock(const std::filesystem::path& folder, const std::string& whom) override;
  std::optional<std::uint64_t> free_bytes(const std::filesystem::path& folder) override;
  const char* sqlite_vfs() const override { return name_.c_str(); }

  // For SQLite (sim_vfs.cpp).
  std::shared_ptr<Inode> find(const std::string& path) const;
  std::shared_ptr<Inode> make(const std::string& path);  // unless it is there
  bool step();                                           // false: the process was killed
  bool works() {
    if (error_rate == 0 || machine_.dead || random_.uniform() >= error_rate) return true;
    faulty = true;
    return false;
  }
  bool alive() const { return !machine_.dead; }
  void sync_file(const std::string& path);
  void sync_folder(const std::filesystem::path& folder);
  RngStream& random() { return random_; }

  // How much of what is written there fits.
  std::size_t fitting(const Inode& inode, std::size_t offset, std::size_t size);

  // For what it hands out. A write that a process makes after it was killed is an Error, and so is one on a full disk,
  // of which what fits was written.
  Status put(Inode& inode, const std::string& path, ByteSpan bytes);
  Status publish_file(const std::shared_ptr<Inode>& inode, const std::filesystem::path& path);
  void unlink(const std::string& path) { change({{path, nullptr}}); }

 private:
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  using NameChange = std::vector<std::pair<std::string, std::shared_ptr<Inode>>>;  // at once; nullptr: removed
  static void apply(Names& names, const NameChange& change);
  void change(NameChange change);
  void sync_names(const std::function<bool(const NameChange&)>& which);

  Machine& machine_;
  RngStream random_;
  std::string name_;
  std::unique_ptr<sqlite3_vfs> vfs_;
  Names names_, synced_names_;
  std::vector<NameChange> name_changes_;  // since they were synced
  std::set<std::string> folders_;
  std::set<std::string> locked_;
  std::uint64_t boot_ = 0;
};

std::unique_ptr<sqlite3_vfs> make_vfs(SimDisk& disk, const char* name);  // registered
void drop_vfs(sqlite3_vfs& vfs);

}  // namespace weft::chaos
