#include "common/tensor/state_dict.h"

#include <algorithm>
#include <bit>

#include "common/base/digest.h"

namespace weft {

Result<Manifest> Manifest::build(std::vector<std::pair<std::string, std::vector<std::int64_t>>> names_and_shapes) {
  std::sort(names_and_shapes.begin(), names_and_shapes.end());
  Manifest manifest;
  for (auto& [name, shape] : names_and_shapes) {
    if (!manifest.tensors_.empty() && manifest.tensors_.back().name == name)
      return Error{"tensor \"" + name + "\" is listed twice"};
    std::size_t size = 1;
    for (const std::int64_t dimension : shape) {
      if (dimension <= 0 || __builtin_mul_overflow(size, static_cast<std::size_t>(dimension), &size) ||
          size > (std::size_t{1} << 40))
        return Error{"tensor \"" + name + "\": dimension " + std::to_string(dimension) +
                     " is not positive or makes the tensor larger than 2^40 values"};
    }
    manifest.tensors_.push_back({std::move(name), std::move(shape), manifest.total_, size});
    manifest.total_ += size;
  }
  return manifest;
}

const TensorSpec* Manifest::find(std::string_view name) const {
  const auto at = std::lower_bound(tensors_.begin(), tensors_.end(), name,
                                   [](const TensorSpec& spec, std::string_view wanted) { return spec.name < wanted; });
  return at != tensors_.end() && at->name == name ? &*at : nullptr;
}

std::string Manifest::digest() const {
  Sha256 hash;
  for (const TensorSpec& spec : tensors_) {
    std::string line = spec.name + " [";
    for (const std::int64_t dimension : spec.shape) line += std::to_string(dimension) + ",";
    hash.update(as_bytes(line + "]\n"));
  }
  return hash.hex();
}

StateDict StateDict::zeros(std::shared_ptr<const Manifest> manifest) {
  const std::size_t total = manifest->total();
  return {std::move(manifest), std::vector<float>(total, 0.0F)};
}

std::span<float> StateDict::tensor(std::string_view name) {
  const TensorSpec* spec = manifest->find(name);
  WEFT_CHECK(spec != nullptr, "no tensor named " + std::string(name));
  return std::span(values).subspan(spec->offset, spec->size);
}

std::span<const float> StateDict::tensor(std::string_view name) const {
  const TensorSpec* spec = manifest->find(name);
  WEFT_CHECK(spec != nullptr, "no tensor named " + std::string(name));
  return std::span(values).subspan(spec->offset, spec->size);
}

std::string StateDict::digest() const {
  static_assert(std::endian::native == std::endian::little, "digests and files are little-endian");
  return Sha256().update(as_bytes(manifest->digest())).update(bytes_of(std::span<const float>(values))).hex();
}

}  // namespace weft
