// Reads and writes the safetensors format: u64 little-endian header length, JSON header, tensor bytes.
// A reader trusts nothing: header length, offsets, shapes and their products are checked before any tensor is used.
// Source: the format page of huggingface/safetensors.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/file.h"
#include "common/base/result.h"
#include "common/tensor/state_dict.h"

namespace weft {

enum class DType { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };
const char* name_of(DType dtype);
std::size_t bytes_per_value(DType dtype);

struct TensorView {
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  ByteSpan bytes;  // into the mapping; 8-byte aligned at best
};

// A mapped checkpoint: one file, or all shards of an index, which must have what it lists. Files of torch.save (.bin)
// are read as well. Keep it alive as long as any view.
class Safetensors {
 public:
  // A file, or a Hugging Face folder with model.safetensors, pytorch_model.bin, or NAME.index.json of either.
  static Result<Safetensors> open(const std::filesystem::path& file_or_folder);
  // The files that open() reads of a folder, the index among them.
  static Result<std::vector<std::filesystem::path>> files_of(const std::filesystem::path& folder);
  // One safetensors file that is mapped already; `path` is for messages.
  static Result<Safetensors> of(MappedFile file, const std::filesystem::path& path);
  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  std::vector<std::shared_ptr<const MappedFile>> files_;
  std::map<std::string, TensorView> tensors_;
  std::map<std::string, std::string> metadata_;
};

// Checks a header and returns views into `file`. Separate from open() so that it can be fuzzed.
Result<std::map<std::string, TensorView>> parse_safetensors(ByteSpan file,
                                                            std::map<std::string, std::string>* metadata);

// What stands before the values of such a file, when they follow as one flat fp32 buffer in the manifest's order.
Bytes safetensors_header(const Manifest& manifest, const std::map<std::string, std::string>& metadata);
// An fp32 state dict as a safetensors file image; write it with write_atomic.
Bytes to_safetensors(const StateDict& state, const std::map<std::string, std::string>& metadata = {});
// All tensors of a file as one fp32 state dict (f16 and bf16 widened). Error for any other dtype or non-finite value.
Result<StateDict> state_dict_from(const Safetensors& file);

// One tensor of any dtype, for writing merged checkpoints.
struct NamedTensor {
  std::string name;
  TensorView view;
};
Bytes to_safetensors(const std::vector<NamedTensor>& tensors, const std::map<std::string, std::string>& metadata);

}  // namespace weft
