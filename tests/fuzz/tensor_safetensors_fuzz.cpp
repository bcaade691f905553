// Foreign bytes as a safetensors file: an error, or views that lie inside the input and that are written as a file of
// the same tensors.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "common/tensor/safetensors.h"
#include "tests/fuzz/base_fuzz_bytes.h"

namespace {

using namespace weft;

bool same(const std::map<std::string, TensorView>& one, const std::map<std::string, TensorView>& other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(), [](const auto& a, const auto& b) {
    return a.first == b.first && a.second.dtype == b.second.dtype && a.second.shape == b.second.shape &&
           std::equal(a.second.bytes.begin(), a.second.bytes.end(), b.second.bytes.begin(), b.second.bytes.end());
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = Safetensors::of(MappedFile(std::make_shared<const Bytes>(data, data + size)), "f");
  std::map<std::string, std::string> metadata;
  const auto tensors = parse_safetensors({data, size}, &metadata);
  require(static_cast<bool>(file) == static_cast<bool>(tensors));
  if (!tensors) {
    require(!tensors.error().message.empty());
    return 0;
  }
  std::vector<NamedTensor> named;
  for (const auto& [name, view] : tensors.value()) {
    require(view.bytes.empty() || (view.bytes.data() >= data && view.bytes.data() + view.bytes.size() <= data + size));
    named.push_back({name, view});
  }
  const Bytes written = to_safetensors(named, metadata);
  std::map<std::string, std::string> read_metadata;
  const auto read = parse_safetensors(written, &read_metadata);
  require(static_cast<bool>(read) && same(read.value(), tensors.value()) && read_metadata == metadata);
  auto state = state_dict_from(file.value());
  if (state)
    require(std::all_of(state->values.begin(), state->values.end(), [](float value) { return std::isfinite(value); }));
  return 0;
}
