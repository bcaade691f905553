// Versions of the adapter as safetensors files.
#include "coordinator/run_folder.h"

#include <charconv>
#include <cstdio>
#include <string>

#include "common/base/log.h"
#include "common/tensor/safetensors.h"

namespace weft::coordinator {
namespace {

Error changed(const std::filesystem::path& file, const std::string& found, const std::string& expected) {
  return {file.string() + ": its digest is " + found + ", the ledger says " + expected +
          "; the file was changed or is torn: put the original back"};
}

}  // namespace

std::filesystem::path RunFolder::version(std::uint32_t version) const {
  char name[32];
  std::snprintf(name, sizeof name, "%04u.safetensors", version);
  return root_ / "versions" / name;
}

std::vector<std::uint32_t> RunFolder::versions() const {
  std::vector<std::uint32_t> versions;
  for (const std::filesystem::path& file : disk_.list(root_ / "versions")) {
    std::uint32_t number = 0;
    const std::string name = file.stem();
    if (file.extension() == ".safetensors" &&
        std::from_chars(name.data(), name.data() + name.size(), number).ec == std::errc())
      versions.push_back(number);
  }
  return versions;
}

VersionWriter RunFolder::write_version(std::uint32_t version, const Manifest& manifest) const {
  const std::filesystem::path file = this->version(version);
  disk_.make_folder(file.parent_path());
  return {disk_, file, version, manifest};
}

Result<StateDict> RunFolder::read_version(std::uint32_t version, const std::string& digest) const {
  const std::filesystem::path file = this->version(version);
  Result<MappedFile> content = disk_.read(file);
  if (!content) return content.error();
  const Result<Safetensors> opened = Safetensors::of(std::move(content).value(), file);
  if (!opened) return opened.error();
  Result<StateDict> adapter = state_dict_from(opened.value());
  if (!adapter) return Error{file.string() + ": " + adapter.error().message};
  if (const std::string found = adapter->digest(); found != digest) return changed(file, found, digest);
  return adapter;
}

Result<VersionFile> RunFolder::open_version(std::uint32_t version, const std::string& digest,
                                            const Manifest& manifest) const {
  const std::filesystem::path path = this->version(version);
  Result<VersionFile> file = VersionFile::open(disk_, path, manifest);
  if (file && file->digest() != digest) return changed(path, file->digest(), digest);
  return file;
}

void RunFolder::remove_version(std::uint32_t version) const {
  if (const Status removed = disk_.remove_all(this->version(version)); !removed) log::warn(removed.error().message);
}

}  // namespace weft::coordinator
