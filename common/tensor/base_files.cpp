#include "common/tensor/base_files.h"

#include <algorithm>

#include "common/base/digest.h"
#include "common/tensor/safetensors.h"

namespace weft {
namespace {

constexpr std::string_view kFirst = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
constexpr std::string_view kRest = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

// Beside the weights; each as far as it is there.
constexpr const char* kRead[] = {
    "config.json",         "tokenizer.json",         "tokenizer_config.json",    "special_tokens_map.json",
    "chat_template.jinja", "generation_config.json", "preprocessor_config.json", "processor_config.json"};

}  // namespace

bool valid_base_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxBaseNameBytes && kFirst.find(name.front()) != std::string_view::npos &&
         name.find_first_not_of(kRest) == std::string_view::npos;
}

std::optional<Error> fault_of(const BaseList& list) {
  if (list.empty() || list.size() > kMaxBaseFiles)
    return Error{std::to_string(list.size()) + " files, expected 1 to " + std::to_string(kMaxBaseFiles)};
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto& [name, digest, bytes] = list[i];
    if (!valid_base_name(name))
      return Error{"file " + std::to_string(i + 1) + " has a name that is not 1 to " +
                   std::to_string(kMaxBaseNameBytes) + " letters, digits, '.', '_' and '-'"};
    if (digest.size() != 64 || digest.find_first_not_of("0123456789abcdef") != std::string::npos)
      return Error{"file " + name + ": its digest is not 64 lower-case hex characters"};
    if (bytes == 0 || bytes > kMaxBaseFileBytes)
      return Error{"file " + name + ": " + std::to_string(bytes) + " bytes, expected 1 to 2^40"};
    if (i > 0 && list[i - 1].name >= name) return Error{"file " + name + " is not behind " + list[i - 1].name};
  }
  return std::nullopt;
}

std::string base_digest(const BaseList& list) {
  Sha256 hash;
  for (const BaseFile& file : list) hash.update(as_bytes(file.digest + "  " + file.name + "\n"));
  return hash.hex();
}

std::uint64_t total_bytes(const BaseList& list) {
  std::uint64_t bytes = 0;
  for (const BaseFile& file : list) bytes += file.bytes;
  return bytes;
}

BaseList base_files_of(const std::filesystem::path& folder) {
  Result<std::vector<std::filesystem::path>> files = Safetensors::files_of(folder);
  if (!files) throw ConfigError(files.error().message);
  for (const char* name : kRead)
    if (std::filesystem::exists(folder / name)) files->push_back(folder / name);
  BaseList list;
  for (const auto& file : *files)
    list.push_back({.name = file.filename().string(),
                    .digest = sha256_hex_of_file(file),
                    .bytes = std::filesystem::file_size(file)});
  std::sort(list.begin(), list.end(), [](const BaseFile& a, const BaseFile& b) { return a.name < b.name; });
  if (const auto fault = fault_of(list))
    throw ConfigError(folder.string() + ": " + fault->message + "; fetch the model again, or rename the file");
  return list;
}

}  // namespace weft
