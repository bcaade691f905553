// SHA-256 of bytes, files and streams, as lower-case hex where people read it. FIPS 180-4, by OpenSSL.
#pragma once
#include <filesystem>
#include <memory>
#include <string>

#include "common/base/bytes.h"

namespace weft {

// Incremental hash: update any number of times, then hex() once.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  Sha256& update(ByteSpan bytes);
  std::string hex();  // 64 characters; the object is spent afterwards

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string sha256_hex(ByteSpan bytes);
// Throws Failure when the file cannot be read.
std::string sha256_hex_of_file(const std::filesystem::path& path);

}  // namespace weft
