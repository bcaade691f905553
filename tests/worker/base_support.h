// A small base model: its files, on a disk and as a list.
#pragma once
#include <map>
#include <string>

#include "common/base/digest.h"
#include "common/tensor/base_files.h"
#include "common/wire/transfer.h"

namespace weft::worker {

using BaseContents = std::map<std::string, Bytes>;

inline Bytes base_bytes(std::size_t size, std::uint32_t seed) {
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>((seed = seed * 1'664'525U + 1'013'904'223U) >> 24U);
  return bytes;
}

// Three files, one of more than a window.
inline BaseContents small_base() {
  return {{"config.json", base_bytes(300, 1)},
          {"model.safetensors", base_bytes(5'500'000, 2)},
          {"tokenizer.json", base_bytes(1 << 20, 3)}};
}

inline BaseList list_of(const BaseContents& contents) {
  BaseList list;
  for (const auto& [name, bytes] : contents)
    list.push_back({.name = name, .digest = sha256_hex(bytes), .bytes = bytes.size()});
  return list;
}

// What a coordinator sends of the file that is asked for, one chunk each call.
inline wire::ChunkSender sender_of(const BaseContents& contents, const wire::FetchFile& asked) {
  for (const auto& [name, bytes] : contents)
    if (sha256_hex(bytes) == asked.digest) return {std::make_shared<const Bytes>(bytes), asked.digest, asked.offset};
  throw std::logic_error("no such file: " + asked.digest);
}

}  // namespace weft::worker
