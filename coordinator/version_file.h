// One version of the adapter on disk, read and written window by window: it is never in memory whole. The file is
// safetensors, its tensors in the manifest's order without gaps, so its last part is the flat buffer itself: what sites
// fetch is sent from it as it lies.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "common/base/digest.h"
#include "common/base/disk.h"
#include "common/tensor/state_dict.h"
#include "common/wire/transfer.h"

namespace weft::coordinator {

inline constexpr std::size_t kWindowValues = 1 << 18;  // 1 MiB of floats

class VersionFile {
 public:
  // Reads all of it once, for its digests. Error: it is missing or torn, or its layout is not the manifest's.
  static Result<VersionFile> open(Disk& disk, const std::filesystem::path& path, const Manifest& manifest);
  void read(std::size_t offset, std::span<float> into) const;  // in values; throws Failure
  wire::Payload payload() const { return {file_, begin_}; }
  const std::string& payload_digest() const { return payload_digest_; }
  const std::string& digest() const { return digest_; }  // StateDict::digest()

 private:
  friend class VersionWriter;
  VersionFile(std::shared_ptr<const RandomReader> file, std::uint64_t begin) : file_(std::move(file)), begin_(begin) {}
  std::shared_ptr<const RandomReader> file_;
  std::uint64_t begin_ = 0;  // of the values, in bytes
  std::string payload_digest_, digest_;
};

class VersionWriter {
 public:
  // Throws Failure, as all of these.
  VersionWriter(Disk& disk, std::filesystem::path path, std::uint32_t version, const Manifest& manifest);
  void append(std::span<const float> values);
  // WEFT_CHECKs that all values came. The file is durable then.
  VersionFile commit();

 private:
  Disk& disk_;
  std::filesystem::path path_;
  std::unique_ptr<AtomicWriter> file_;
  std::uint64_t begin_ = 0;
  std::size_t left_;     // values to come
  Sha256 hash_, state_;  // of the payload, and as StateDict::digest()
};

}  // namespace weft::coordinator
