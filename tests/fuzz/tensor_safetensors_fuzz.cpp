// Foreign bytes as a safetensors file: an error or views that lie inside the input.
#include <cstdlib>

#include "common/tensor/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto tensors = weft::parse_safetensors({data, size}, nullptr);
  if (!tensors) return 0;
  for (const auto& [name, view] : tensors.value())
    if (!view.bytes.empty() && (view.bytes.data() < data || view.bytes.data() + view.bytes.size() > data + size))
      std::abort();
  return 0;
}
