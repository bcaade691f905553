// The files of a base model: which ones of a Hugging Face folder count, and the one digest by which a run names them
// all. A list of files verifies itself against that digest, before a byte of the files is there.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace weft {

inline constexpr std::size_t kMaxBaseFiles = 1024;
inline constexpr std::size_t kMaxBaseNameBytes = 128;
inline constexpr std::uint64_t kMaxBaseFileBytes = std::uint64_t{1} << 40;

struct BaseFile {
  std::string name;         // of a file, without a folder
  std::string digest;       // SHA-256 of its content
  std::uint64_t bytes = 0;  // 1 to kMaxBaseFileBytes
  bool operator==(const BaseFile&) const = default;
};
using BaseList = std::vector<BaseFile>;  // in the order of their names

// 1 to kMaxBaseNameBytes of a-z A-Z 0-9 . _ -, of which the first is a letter, a digit or _: it names a file in the
// folder it is put into, and nothing else.
bool valid_base_name(std::string_view name);
// What keeps this from being such a list, whoever it comes from: foreign names, wrong order, too many or none, sizes.
std::optional<Error> fault_of(const BaseList& list);
// SHA-256 over the lines "DIGEST  NAME\n", which is what `sha256sum FILES | sha256sum` prints for files in name order.
std::string base_digest(const BaseList& list);
std::uint64_t total_bytes(const BaseList& list);

// All of a folder that makes a site compute what others compute: the weights with their index, config.json, and what
// turns texts into tokens and pictures into pixels. Reads every byte, once. Throws ConfigError.
BaseList base_files_of(const std::filesystem::path& folder);

}  // namespace weft
