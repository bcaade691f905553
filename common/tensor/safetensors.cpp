// The safetensors format. Every size is checked with overflow-safe arithmetic before a byte is used.
#include "common/tensor/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "common/base/json_depth.h"
#include "common/tensor/half.h"
#include "common/tensor/torch_file.h"

namespace weft {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit

struct DTypeInfo {
  const char* name;
  std::size_t bytes;
};
// In the order of DType.
constexpr std::array<DTypeInfo, 10> kDTypes{{{"F64", 8},
                                             {"F32", 4},
                                             {"F16", 2},
                                             {"BF16", 2},
                                             {"I64", 8},
                                             {"I32", 4},
                                             {"I16", 2},
                                             {"I8", 1},
                                             {"U8", 1},
                                             {"BOOL", 1}}};

std::optional<DType> dtype_named(const std::string& name) {
  for (std::size_t i = 0; i < kDTypes.size(); ++i)
    if (name == kDTypes[i].name) return static_cast<DType>(i);
  return std::nullopt;
}

Result<TensorView> parse_entry(const std::string& name, const Json& entry, ByteSpan payload) {
  const auto bad = [&](const std::string& problem) { return Error{"tensor \"" + name + "\": " + problem}; };
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") || !entry.contains("data_offsets"))
    return bad("header entry is not an object with dtype, shape and data_offsets");
  if (!entry["dtype"].is_string()) return bad("dtype is not a string");
  const auto dtype = dtype_named(entry["dtype"].get<std::string>());
  if (!dtype) return bad("unknown dtype " + entry["dtype"].dump());
  const Json &shape = entry["shape"], &offsets = entry["data_offsets"];
  if (!shape.is_array() || !offsets.is_array() || offsets.size() != 2) return bad("malformed shape or data_offsets");
  TensorView view{.dtype = *dtype, .shape = {}, .bytes = {}};
  std::uint64_t size = bytes_per_value(*dtype);
  for (const Json& dimension : shape) {
    if (!dimension.is_number_unsigned() || dimension.get<std::uint64_t>() > (std::uint64_t{1} << 48))
      return bad("dimension " + dimension.dump() + " is not a sensible size");
    view.shape.push_back(dimension.get<std::int64_t>());
    if (__builtin_mul_overflow(size, dimension.get<std::uint64_t>(), &size)) return bad("shape overflows 64 bits");
  }
  if (!offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned()) return bad("data_offsets are not sizes");
  const auto begin = offsets[0].get<std::uint64_t>(), end = offsets[1].get<std::uint64_t>();
  if (begin > end || end > payload.size())
    return bad("bytes " + std::to_string(begin) + " to " + std::to_string(end) + " lie outside the payload of " +
               std::to_string(payload.size()) + " bytes; the file is torn or not what its header says");
  if (end - begin != size)
    return bad("shape and dtype need " + std::to_string(size) + " bytes, data_offsets give " +
               std::to_string(end - begin));
  view.bytes = payload.subspan(begin, size);
  return view;
}

// The payload must be covered exactly once: no holes, no overlaps.
Status check_cover(const std::map<std::string, TensorView>& tensors, ByteSpan payload) {
  std::vector<ByteSpan> spans;
  for (const auto& [name, view] : tensors) spans.push_back(view.bytes);
  std::sort(spans.begin(), spans.end(),
            [](ByteSpan a, ByteSpan b) { return a.data() != b.data() ? a.data() < b.data() : a.size() < b.size(); });
  const std::uint8_t* at = payload.data();
  for (const ByteSpan span : spans) {
    if (span.empty()) continue;
    if (span.data() != at) return Error{"tensors overlap or leave a hole in the payload"};
    at += span.size();
  }
  if (at != payload.data() + payload.size()) return Error{"bytes follow the last tensor; the file is torn"};
  return Ok{};
}

Bytes image(const Json& header, std::size_t payload_bytes) {
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // so that the payload is 8-byte aligned
  Bytes file;
  file.reserve(8 + text.size() + payload_bytes);
  const std::uint64_t length = text.size();
  for (int i = 0; i < 8; ++i) file.push_back(static_cast<std::uint8_t>(length >> (8 * i)));
  file.insert(file.end(), text.begin(), text.end());
  return file;
}

Json metadata_json(const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  return header;
}

void add_entry(Json& header, const std::string& name, DType dtype, const std::vector<std::int64_t>& shape,
               std::size_t offset, std::size_t size) {
  WEFT_CHECK(!header.contains(name), "tensor \"" + name + "\" twice");
  header[name] = {{"dtype", name_of(dtype)}, {"shape", shape}, {"data_offsets", {offset, offset + size}}};
}

// The files of a checkpoint, and where an index says that each tensor is.
struct Layout {
  std::vector<std::filesystem::path> files;
  std::filesystem::path index;                  // empty: there is none
  std::map<std::string, std::string> shard_of;  // by tensor
};

Result<Layout> read_index(const std::filesystem::path& index) {
  const Result<std::string> text = read_text(index);
  if (!text) return text.error();
  const Json json = Json::parse(shallow_json(text.value()), nullptr, false);
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object())
    return Error{index.string() + ": not a JSON object with a weight_map"};
  Layout layout{.files = {}, .index = index, .shard_of = {}};
  std::set<std::filesystem::path> shards;
  for (const auto& [name, shard] : json["weight_map"].items()) {
    const std::filesystem::path file = shard.is_string() ? shard.get<std::string>() : "";
    if (file.empty() || file.has_parent_path())
      return Error{index.string() + ": shard of tensor \"" + name + "\" is not a plain file name"};
    shards.insert(index.parent_path() / file);
    layout.shard_of[name] = file.string();
  }
  layout.files.assign(shards.begin(), shards.end());
  return layout;
}

Result<Layout> layout_of(const std::filesystem::path& file_or_folder) {
  if (!std::filesystem::is_directory(file_or_folder))
    return Layout{.files = {file_or_folder}, .index = {}, .shard_of = {}};
  for (const char* name : {"model.safetensors", "pytorch_model.bin"}) {
    const auto single = file_or_folder / name, index = file_or_folder / (std::string(name) + ".index.json");
    if (std::filesystem::exists(single)) return Layout{.files = {single}, .index = {}, .shard_of = {}};
    if (std::filesystem::exists(index)) return read_index(index);
  }
  return Error{
      file_or_folder.string() +
      ": no model.safetensors, pytorch_model.bin or index of shards of either; expected a Hugging Face folder"};
}

// Each tensor of the index is in its shard, and no shard has another.
Status check_index(const Layout& layout, const std::map<std::string, std::string>& found) {
  if (layout.index.empty()) return Ok{};
  const auto bad = [&](const std::string& name, const std::string& problem) {
    return Error{layout.index.string() + ": tensor \"" + name + "\" " + problem +
                 "; the folder's files do not belong together. Fetch the model again"};
  };
  for (const auto& [name, shard] : layout.shard_of) {
    const auto at = found.find(name);
    if (at == found.end()) return bad(name, "is not in " + shard);
    if (at->second != shard) return bad(name, "is in " + at->second + ", not in " + shard);
  }
  for (const auto& [name, shard] : found)
    if (layout.shard_of.count(name) == 0) return bad(name, "of " + shard + " is not listed");
  return Ok{};
}

}  // namespace

const char* name_of(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)].name; }
std::size_t bytes_per_value(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)].bytes; }

Result<std::map<std::string, TensorView>> parse_safetensors(ByteSpan file,
                                                            std::map<std::string, std::string>* metadata) {
  if (file.size() < 8)
    return Error{"only " + std::to_string(file.size()) + " bytes; a safetensors file has at least 8"};
  std::uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = (length << 8) | file[static_cast<std::size_t>(i)];
  if (length > kMaxHeaderBytes || length > file.size() - 8)
    return Error{"header declares " + std::to_string(length) + " bytes, the file has " + std::to_string(file.size()) +
                 "; it is torn or not safetensors"};
  const Json header = Json::parse(shallow_json(as_text(file.subspan(8, length))), nullptr, false);
  if (!header.is_object()) return Error{"header is not a JSON object; the file is torn or not safetensors"};
  const ByteSpan payload = file.subspan(8 + length);
  std::map<std::string, TensorView> tensors;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      if (!entry.is_object()) return Error{"__metadata__ is not an object"};
      for (const auto& [key, value] : entry.items()) {
        if (!value.is_string()) return Error{"__metadata__ value of \"" + key + "\" is not a string"};
        if (metadata != nullptr) (*metadata)[key] = value.get<std::string>();
      }
      continue;
    }
    Result<TensorView> view = parse_entry(name, entry, payload);
    if (!view) return view.error();
    tensors.emplace(name, *view);
  }
  if (Status covered = check_cover(tensors, payload); !covered) return covered.error();
  return tensors;
}

Result<Safetensors> Safetensors::of(MappedFile file, const std::filesystem::path& path) {
  Safetensors one;
  one.files_.push_back(std::make_shared<const MappedFile>(std::move(file)));
  Result<std::map<std::string, TensorView>> tensors = parse_safetensors(one.files_.front()->bytes(), &one.metadata_);
  if (!tensors) return Error{path.string() + ": " + tensors.error().message};
  one.tensors_ = std::move(tensors).value();
  return one;
}

Result<Safetensors> Safetensors::open(const std::filesystem::path& file_or_folder) {
  const Result<Layout> layout = layout_of(file_or_folder);
  if (!layout) return layout.error();
  Safetensors all;
  std::map<std::string, std::string> found;
  for (const auto& path : layout.value().files) {
    Result<MappedFile> mapped = MappedFile::open(path);
    if (!mapped && !layout.value().index.empty())
      return Error{mapped.error().message + ", which " + layout.value().index.string() +
                   " lists. Fetch the model again"};
    if (!mapped) return mapped.error();
    auto file = std::make_shared<const MappedFile>(std::move(mapped).value());
    const auto in_file = [&](const std::string& problem) { return Error{path.string() + ": " + problem}; };
    Result<std::map<std::string, TensorView>> tensors =
        path.extension() == ".bin" ? parse_torch_file(file->bytes()) : parse_safetensors(file->bytes(), &all.metadata_);
    if (!tensors)
      return in_file(tensors.error().message + (path.extension() == ".bin" ? "" : ". Fetch the file again"));
    for (const auto& [name, view] : *tensors) {
      if (!all.tensors_.emplace(name, view).second) return in_file("tensor \"" + name + "\" is in two shards");
      found[name] = path.filename().string();
    }
    all.files_.push_back(std::move(file));
  }
  if (Status fits = check_index(layout.value(), found); !fits) return fits.error();
  return all;
}

Result<std::vector<std::filesystem::path>> Safetensors::files_of(const std::filesystem::path& folder) {
  Result<Layout> layout = layout_of(folder);
  if (!layout) return layout.error();
  std::vector<std::filesystem::path> files = std::move(layout->files);
  if (!layout->index.empty()) files.push_back(layout->index);
  return files;
}

Bytes safetensors_header(const Manifest& manifest, const std::map<std::string, std::string>& metadata) {
  Json header = metadata_json(metadata);
  for (const TensorSpec& spec : manifest.tensors())
    add_entry(header, spec.name, DType::f32, spec.shape, spec.offset * sizeof(float), spec.size * sizeof(float));
  return image(header, 0);
}

Bytes to_safetensors(const StateDict& state, const std::map<std::string, std::string>& metadata) {
  std::vector<NamedTensor> tensors;
  for (const TensorSpec& spec : state.manifest->tensors())
    tensors.push_back({spec.name, {DType::f32, spec.shape, bytes_of(state.tensor(spec.name))}});
  return to_safetensors(tensors, metadata);
}

Bytes to_safetensors(const std::vector<NamedTensor>& tensors, const std::map<std::string, std::string>& metadata) {
  Json header = metadata_json(metadata);
  std::size_t offset = 0;
  for (const auto& [name, view] : tensors) {
    add_entry(header, name, view.dtype, view.shape, offset, view.bytes.size());
    offset += view.bytes.size();
  }
  Bytes file = image(header, offset);
  for (const auto& [name, view] : tensors) file.insert(file.end(), view.bytes.begin(), view.bytes.end());
  return file;
}

Result<StateDict> state_dict_from(const Safetensors& file) {
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> names;
  for (const auto& [name, view] : file.tensors()) names.emplace_back(name, view.shape);
  Result<Manifest> manifest = Manifest::build(std::move(names));
  if (!manifest) return manifest.error();
  StateDict state = StateDict::zeros(std::make_shared<const Manifest>(std::move(manifest).value()));
  for (const auto& [name, view] : file.tensors()) {
    const std::span<float> out = state.tensor(name);
    if (!is_real(view.dtype))
      return Error{"tensor \"" + name + "\" has dtype " + name_of(view.dtype) + ", expected F32, F16 or BF16"};
    widen(view, out);
    if (!std::all_of(out.begin(), out.end(), [](float x) { return std::isfinite(x); }))
      return Error{"tensor \"" + name + "\" holds a NaN or an infinity"};
  }
  return state;
}

}  // namespace weft
