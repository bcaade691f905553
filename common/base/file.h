// Files: whole reads, reads by window, read-only maps, and writes that are either complete and on disk or absent.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace weft {

// Fails with the path and the system's reason.
Result<std::string> read_text(const std::filesystem::path& path);

// Writes path.tmp, syncs it, renames it over path and syncs the folder. After it returns Ok the content survives
// a power cut; on any error (disk full among them) the old file is untouched and no .tmp is left.
Status write_atomic(const std::filesystem::path& path, ByteSpan content);
// As above, but the file is created with `mode` (0600 for keys).
Status write_atomic(const std::filesystem::path& path, ByteSpan content, unsigned mode);

// The same for content that comes in pieces and need not be in memory whole. Dropped before commit() was Ok, it leaves
// nothing behind.
class AtomicWriter {
 public:
  virtual ~AtomicWriter() = default;
  virtual Status append(ByteSpan bytes) = 0;
  virtual Status commit() = 0;  // once, at the end
};
Result<std::unique_ptr<AtomicWriter>> atomic_file(const std::filesystem::path& path, unsigned mode = 0644);

// Bytes that are read where they are wanted, so that no more of them is in memory.
class RandomReader {
 public:
  virtual ~RandomReader() = default;
  virtual std::uint64_t size() const = 0;
  // Fills `into` from `offset` on. Error: they are not all there, or the disk's reason.
  virtual Status read(std::uint64_t offset, std::span<std::uint8_t> into) const = 0;
};

template <class T>
std::span<std::uint8_t> writable_bytes_of(std::span<T> values) {
  return {reinterpret_cast<std::uint8_t*>(values.data()), values.size_bytes()};
}

// A file without a name that grows at its end. It takes disk space until it is dropped or the process ends, and is not
// synced: nothing of it survives.
class ScratchFile : public RandomReader {
 public:
  virtual Status append(ByteSpan bytes) = 0;
};

Result<std::unique_ptr<RandomReader>> open_file(const std::filesystem::path& path);
Result<std::unique_ptr<ScratchFile>> scratch_file(const std::filesystem::path& folder);

// Behind what the file has, which is made if it is not there. Not synced.
Status append_to(const std::filesystem::path& path, ByteSpan bytes);

// The path, or the nearest above it that is there.
std::filesystem::path nearest_existing(const std::filesystem::path& path);

// Creates the folder and its parents; throws Failure with the system's reason.
void make_folder(const std::filesystem::path& path);

// A read-only mapping of a whole file; pages are shared by every process that maps it. Movable.
class MappedFile {
 public:
  static Result<MappedFile> open(const std::filesystem::path& path);
  explicit MappedFile(std::shared_ptr<const Bytes> content)  // of a disk that is simulated
      : data_(content->data()), size_(content->size()), owned_(std::move(content)) {}
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();
  ByteSpan bytes() const { return {data_, size_}; }

 private:
  MappedFile(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
  std::shared_ptr<const Bytes> owned_;  // else it is mapped
};

}  // namespace weft
