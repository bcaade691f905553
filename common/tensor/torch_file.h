// Reads pytorch_model.bin as torch.save writes a state dict since 1.6: a zip archive whose data.pkl names tensors and
// whose other entries are their storages, stored as they are. Nothing is executed: the pickle may only build a
// dictionary of tensors, and any other callable in it is refused by name.
// Source: the pickle virtual machine of Python's pickletools; PKWARE's APPNOTE.TXT 4.3 (zip, zip64).
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/tensor/safetensors.h"

namespace weft {

// Views into `file`. Errors: not such an archive (the older kind, with what to do about it), compressed entries, a
// tensor that is no dense block of its storage, sizes outside the file.
Result<std::map<std::string, TensorView>> parse_torch_file(ByteSpan file);

// What a pickled state dict says of one tensor.
struct PickledTensor {
  std::string storage;  // name of its entry below data/
  DType dtype = DType::f32;
  std::int64_t offset = 0;  // in values
  std::vector<std::int64_t> shape, strides;
};
Result<std::map<std::string, PickledTensor>> parse_state_dict_pickle(ByteSpan pickle);

}  // namespace weft
