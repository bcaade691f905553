// Foreign bytes as a file of torch.save, and as the pickle in one: an error or views that lie inside the input.
#include <cstdlib>

#include "common/tensor/torch_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)weft::parse_state_dict_pickle({data, size});
  const auto tensors = weft::parse_torch_file({data, size});
  if (!tensors) return 0;
  for (const auto& [name, view] : tensors.value())
    if (!view.bytes.empty() && (view.bytes.data() < data || view.bytes.data() + view.bytes.size() > data + size))
      std::abort();
  return 0;
}
