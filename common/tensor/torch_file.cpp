// The zip archive around the pickle.
#include "common/tensor/torch_file.h"

#include <algorithm>
#include <optional>

namespace weft {
namespace {

constexpr const char* kRemedy =
    "; convert it once with Python: import torch; from safetensors.torch import save_file; "
    "save_file({n: t.clone() for n, t in torch.load(\"pytorch_model.bin\", weights_only=True).items()}, "
    "\"model.safetensors\", {\"format\": \"pt\"})";

constexpr std::uint32_t kEnd = 0x06054b50, kEnd64 = 0x06064b50, kLocator64 = 0x07064b50, kEntry = 0x02014b50,
                        kLocal = 0x04034b50;

// Little-endian number of `size` bytes at `at`; nullopt outside the file.
std::optional<std::uint64_t> number(ByteSpan file, std::uint64_t at, std::size_t size) {
  if (at > file.size() || size > file.size() - at) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = size; i > 0; --i) value = value << 8 | file[at + i - 1];
  return value;
}
bool has_signature(ByteSpan file, std::uint64_t at, std::uint32_t signature) {
  return number(file, at, 4) == signature;
}

struct Directory {
  std::uint64_t entries = 0, offset = 0;
};

std::optional<Directory> find_directory(ByteSpan file) {
  constexpr std::uint64_t kEndBytes = 22, kMostComment = 65535;
  if (file.size() < kEndBytes) return std::nullopt;
  std::uint64_t at = file.size() - kEndBytes;
  const std::uint64_t first = at > kMostComment ? at - kMostComment : 0;
  while (!has_signature(file, at, kEnd)) {
    if (at == first) return std::nullopt;
    --at;
  }
  if (at >= 20 && has_signature(file, at - 20, kLocator64)) {
    const std::uint64_t end64 = number(file, at - 12, 8).value_or(file.size());
    if (!has_signature(file, end64, kEnd64)) return std::nullopt;
    const auto entries = number(file, end64 + 32, 8), offset = number(file, end64 + 48, 8);
    if (entries && offset) return Directory{*entries, *offset};
    return std::nullopt;
  }
  return Directory{*number(file, at + 10, 2), *number(file, at + 16, 4)};
}

struct ZipEntry {
  std::uint64_t method = 0, packed = 0, bytes = 0, local = 0;
};

// Sizes that do not fit into 32 bits follow in an extra field, those that do not fit only.
bool read_zip64(ByteSpan file, std::uint64_t at, std::uint64_t length, ZipEntry& entry) {
  const std::uint64_t end = at + length;
  while (at + 4 <= end) {
    const auto id = number(file, at, 2), size = number(file, at + 2, 2);
    if (!id || !size) return false;
    std::uint64_t value = at + 4;
    if (*id == 1)
      for (std::uint64_t* field : {&entry.bytes, &entry.packed, &entry.local}) {
        if (*field != 0xffffffff) continue;
        const auto wide = number(file, value, 8);
        if (!wide) return false;
        *field = *wide;
        value += 8;
      }
    at += 4 + *size;
  }
  return true;
}

Result<std::map<std::string, ByteSpan>> read_zip(ByteSpan file) {
  const std::optional<Directory> directory = find_directory(file);
  if (!directory)
    return Error{std::string("not a zip archive: it was saved by PyTorch before 1.6, or is torn") + kRemedy};
  const Error torn{"its zip directory does not fit the file; it is torn. Fetch it again"};
  std::map<std::string, ByteSpan> entries;
  std::uint64_t at = directory->offset;
  for (std::uint64_t i = 0; i < directory->entries; ++i) {
    if (!has_signature(file, at, kEntry) || !number(file, at, 46)) return torn;
    const auto field = [&](std::uint64_t offset, std::size_t size) { return *number(file, at + offset, size); };
    ZipEntry entry{.method = field(10, 2), .packed = field(20, 4), .bytes = field(24, 4), .local = field(42, 4)};
    const std::uint64_t name_size = field(28, 2), extra_size = field(30, 2), comment_size = field(32, 2);
    if (name_size + extra_size > file.size() - at - 46) return torn;
    const std::string name(reinterpret_cast<const char*>(file.data()) + at + 46, name_size);
    if (!read_zip64(file, at + 46 + name_size, extra_size, entry)) return torn;
    if (entry.method != 0 || entry.packed != entry.bytes)
      return Error{"its entry \"" + name + "\" is compressed, which torch.save does not do" + kRemedy};
    const auto local_name = number(file, entry.local + 26, 2), local_extra = number(file, entry.local + 28, 2);
    if (!has_signature(file, entry.local, kLocal) || !local_name || !local_extra) return torn;
    const std::uint64_t data = entry.local + 30 + *local_name + *local_extra;
    if (data > file.size() || entry.bytes > file.size() - data) return torn;
    entries[name] = file.subspan(data, entry.bytes);
    at += 46 + name_size + extra_size + comment_size;
  }
  return entries;
}

Result<TensorView> view_of(const std::string& name, const PickledTensor& tensor, ByteSpan storage) {
  const auto bad = [&](const std::string& problem) { return Error{"tensor \"" + name + "\": " + problem}; };
  std::uint64_t size = 1;
  if (tensor.shape.size() != tensor.strides.size()) return bad("as many strides as dimensions expected");
  for (std::size_t i = tensor.shape.size(); i > 0; --i) {
    const std::int64_t dimension = tensor.shape[i - 1];
    if (dimension < 0) return bad("a dimension is negative");
    if (dimension != 1 && tensor.strides[i - 1] != static_cast<std::int64_t>(size))
      return bad(std::string("it is no dense block of its storage") + kRemedy);
    if (__builtin_mul_overflow(size, static_cast<std::uint64_t>(dimension), &size) || size > std::uint64_t{1} << 48)
      return bad("its shape overflows");
  }
  const std::uint64_t width = bytes_per_value(tensor.dtype), available = storage.size() / width;
  const auto offset = static_cast<std::uint64_t>(tensor.offset);
  if (tensor.offset < 0 || offset > available || size > available - offset)
    return bad("it lies outside of its storage of " + std::to_string(available) + " values; the file is torn");
  return TensorView{tensor.dtype, tensor.shape, storage.subspan(offset * width, size * width)};
}

}  // namespace

Result<std::map<std::string, TensorView>> parse_torch_file(ByteSpan file) {
  const Result<std::map<std::string, ByteSpan>> zip = read_zip(file);
  if (!zip) return zip.error();
  const std::map<std::string, ByteSpan>& entries = zip.value();
  const std::string pickle = "/data.pkl";
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const auto& entry) { return entry.first.ends_with(pickle); });
  if (found == entries.end()) return Error{"a zip archive without data.pkl; it was not saved by torch.save"};
  const std::string root = found->first.substr(0, found->first.size() - pickle.size());
  const auto order = entries.find(root + "/byteorder");
  if (order != entries.end() && as_text(order->second) != "little")
    return Error{std::string("its numbers are big-endian") + kRemedy};
  const Result<std::map<std::string, PickledTensor>> tensors = parse_state_dict_pickle(found->second);
  if (!tensors) return tensors.error();
  std::map<std::string, TensorView> views;
  for (const auto& [name, tensor] : tensors.value()) {
    const auto storage = entries.find(root + "/data/" + tensor.storage);
    if (storage == entries.end()) return Error{"tensor \"" + name + "\": the archive has no entry for its storage"};
    Result<TensorView> view = view_of(name, tensor, storage->second);
    if (!view) return view.error();
    views.emplace(name, std::move(view).value());
  }
  return views;
}

}  // namespace weft
