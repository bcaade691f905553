// Files: whole reads, read-only maps, and writes that are either complete and on disk or absent.
#pragma once
#include <filesystem>
#include <memory>
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
