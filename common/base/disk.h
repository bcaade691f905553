// The files of a coordinator and a worker that must survive, as a parameter: system_disk() is the machine's own, a
// simulation passes one that is full, slow, or forgets what was not synced.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/file.h"
#include "common/base/result.h"

namespace weft {

class Disk {
 public:
  virtual ~Disk() = default;
  virtual bool exists(const std::filesystem::path& path) = 0;
  virtual bool is_folder(const std::filesystem::path& path) = 0;
  // What is in a folder, by name; nothing when there is no such folder.
  virtual std::vector<std::filesystem::path> list(const std::filesystem::path& folder) = 0;
  virtual Result<MappedFile> read(const std::filesystem::path& path) = 0;
  virtual Result<std::unique_ptr<RandomReader>> open(const std::filesystem::path& path) = 0;
  virtual Result<std::unique_ptr<ScratchFile>> scratch(const std::filesystem::path& folder) = 0;

  // As the functions of file.h: after Ok it survives a power cut; after an error the old file stands.
  virtual Status write_atomic(const std::filesystem::path& path, ByteSpan content, unsigned mode = 0644) = 0;
  virtual Result<std::unique_ptr<AtomicWriter>> create(const std::filesystem::path& path) = 0;
  // Behind what a file has, which is made if it is not there. Nothing of it is durable before publish() or sync().
  virtual Status append(const std::filesystem::path& path, ByteSpan bytes) = 0;
  // Makes durable what is in a file, or the names in a folder, whoever wrote them: a process that was killed may not
  // have come to that. Ok if none.
  virtual Status sync(const std::filesystem::path& path) = 0;
  virtual void make_folder(const std::filesystem::path& path) = 0;  // and its parents; throws Failure
  virtual Status rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  virtual Status remove_all(const std::filesystem::path& path) = 0;  // a file, or a folder with all in it; Ok if none
  // Syncs all in `working` and renames it to `target`; a folder that stands there is swapped out in one step and ends
  // up under the name `working`.
  virtual Status publish(const std::filesystem::path& working, const std::filesystem::path& target) = 0;

  // What may still be written into a folder, which need not be there yet; nullopt: not known.
  virtual std::optional<std::uint64_t> free_bytes(const std::filesystem::path& /*folder*/) { return std::nullopt; }

  // Held until the last copy of the result is gone, or the process is. Throws Failure: "FOLDER is in use by <whom>".
  virtual std::shared_ptr<void> lock(const std::filesystem::path& folder, const std::string& whom) = 0;
  // The name of SQLite's file system for databases on this disk; nullptr: SQLite's own.
  virtual const char* sqlite_vfs() const = 0;
};

Disk& system_disk();

// Removes the files *.tmp of a folder, which write_atomic and create have left where a process was killed. For whoever
// has the folder for itself.
void drop_temporaries(const std::filesystem::path& folder, Disk& disk);

}  // namespace weft
