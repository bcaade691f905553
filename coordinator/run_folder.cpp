// Versions of the adapter as safetensors files.
#include "coordinator/run_folder.h"

#include <cstdio>
#include <string>

#include "common/base/log.h"
#include "common/tensor/safetensors.h"

namespace weft::coordinator {

std::filesystem::path RunFolder::version(std::uint32_t version) const {
  char name[32];
  std::snprintf(name, sizeof name, "%04u.safetensors", version);
  return root_ / "versions" / name;
}

void RunFolder::write_version(std::uint32_t version, const StateDict& adapter) const {
  const std::filesystem::path file = this->version(version);
  disk_.make_folder(file.parent_path());
  const Bytes image = to_safetensors(adapter, {{"version", std::to_string(version)}});
  if (const Status written = disk_.write_atomic(file, image); !written) throw Failure(written.error().message);
}

Result<StateDict> RunFolder::read_version(std::uint32_t version, const std::string& digest) const {
  const std::filesystem::path file = this->version(version);
  Result<MappedFile> content = disk_.read(file);
  if (!content) return content.error();
  const Result<Safetensors> opened = Safetensors::of(std::move(content).value(), file);
  if (!opened) return opened.error();
  Result<StateDict> adapter = state_dict_from(opened.value());
  if (!adapter) return Error{file.string() + ": " + adapter.error().message};
  if (const std::string found = adapter->digest(); found != digest)
    return Error{file.string() + ": its digest is " + found + ", the ledger says " + digest +
                 "; the file was changed or is torn: put the original back"};
  return adapter;
}

void RunFolder::remove_version(std::uint32_t version) const {
  if (const Status removed = disk_.remove_all(this->version(version)); !removed) log::warn(removed.error().message);
}

}  // namespace weft::coordinator
