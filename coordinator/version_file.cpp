// Windows of a version file.
#include "coordinator/version_file.h"

#include <algorithm>
#include <vector>

#include "common/tensor/safetensors.h"

namespace weft::coordinator {
namespace {

// Where the values begin. Only the header's pages of the mapping are touched.
Result<std::uint64_t> begin_of(Disk& disk, const std::filesystem::path& path, const Manifest& manifest) {
  Result<MappedFile> mapped = disk.read(path);
  if (!mapped) return mapped.error();
  const ByteSpan all = mapped->bytes();
  const auto begin = static_cast<std::uint64_t>(all.size()) - std::min(all.size(), manifest.total() * sizeof(float));
  const Result<Safetensors> opened = Safetensors::of(std::move(mapped).value(), path);
  if (!opened) return opened.error();
  const auto& tensors = opened.value().tensors();
  bool same = tensors.size() == manifest.tensors().size();
  for (const TensorSpec& spec : manifest.tensors()) {
    const auto found = tensors.find(spec.name);
    same = same && found != tensors.end() && found->second.dtype == DType::f32 && found->second.shape == spec.shape &&
           found->second.bytes.data() == all.data() + begin + spec.offset * sizeof(float);
  }
  if (!same) return Error{path.string() + ": its tensors are not those of this run's adapter; put the original back"};
  return begin;
}

}  // namespace

Result<VersionFile> VersionFile::open(Disk& disk, const std::filesystem::path& path, const Manifest& manifest) {
  const Result<std::uint64_t> begin = begin_of(disk, path, manifest);
  if (!begin) return begin.error();
  Result<std::unique_ptr<RandomReader>> file = disk.open(path);
  if (!file) return file.error();
  VersionFile version(std::move(file).value(), begin.value());
  Sha256 payload, state;
  state.update(as_bytes(manifest.digest()));
  std::vector<float> window(std::min(kWindowValues, manifest.total()));
  for (std::size_t at = 0; at < manifest.total(); at += window.size()) {
    const std::span<float> values = std::span(window).first(std::min(window.size(), manifest.total() - at));
    version.read(at, values);
    const ByteSpan bytes = bytes_of(std::span<const float>(values));
    payload.update(bytes);
    state.update(bytes);
  }
  version.payload_digest_ = payload.hex();
  version.digest_ = state.hex();
  return version;
}

void VersionFile::read(std::size_t offset, std::span<float> into) const {
  file_->read(begin_ + offset * sizeof(float), writable_bytes_of(into)).value();
}

VersionWriter::VersionWriter(Disk& disk, std::filesystem::path path, std::uint32_t version, const Manifest& manifest)
    : disk_(disk), path_(std::move(path)), file_(disk.create(path_).value()), left_(manifest.total()) {
  const Bytes header = safetensors_header(manifest, {{"version", std::to_string(version)}});
  file_->append(header).value();
  begin_ = header.size();
  state_.update(as_bytes(manifest.digest()));
}

void VersionWriter::append(std::span<const float> values) {
  WEFT_CHECK(values.size() <= left_, "more values than the adapter has");
  left_ -= values.size();
  const ByteSpan bytes = bytes_of(values);
  file_->append(bytes).value();
  hash_.update(bytes);
  state_.update(bytes);
}

VersionFile VersionWriter::commit() {
  WEFT_CHECK(left_ == 0, "fewer values than the adapter has");
  file_->commit().value();
  VersionFile version(disk_.open(path_).value(), begin_);
  version.payload_digest_ = hash_.hex();
  version.digest_ = state_.hex();
  return version;
}

}  // namespace weft::coordinator
