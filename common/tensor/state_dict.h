// The trainable tensors of a run as one flat fp32 buffer with a manifest of names and shapes. Torch-free: rounds,
// wire and coordinator work on flat spans; nn makes views of them as tensors.
// Names are PEFT's on-disk names and are kept in ascending byte order, so flat offsets agree everywhere.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace weft {

struct TensorSpec {
  std::string name;
  std::vector<std::int64_t> shape;
  std::size_t offset = 0;  // in floats from the start of the buffer
  std::size_t size = 0;    // in floats
  bool operator==(const TensorSpec&) const = default;
};

// Immutable once built; shared between all state dicts of a run.
class Manifest {
 public:
  // Sorts by name; names must be unique and dimensions positive, else Error (they may come from a file or a peer).
  static Result<Manifest> build(std::vector<std::pair<std::string, std::vector<std::int64_t>>> names_and_shapes);
  std::span<const TensorSpec> tensors() const { return tensors_; }
  std::size_t total() const { return total_; }          // floats
  const TensorSpec* find(std::string_view name) const;  // nullptr when absent
  // SHA-256 over names and shapes: equal digests mean equal layout.
  std::string digest() const;
  bool operator==(const Manifest&) const = default;

 private:
  std::vector<TensorSpec> tensors_;
  std::size_t total_ = 0;
};

struct StateDict {
  std::shared_ptr<const Manifest> manifest;
  std::vector<float> values;  // manifest->total() floats

  static StateDict zeros(std::shared_ptr<const Manifest> manifest);
  std::span<float> tensor(std::string_view name);  // WEFT_CHECKs that the name exists
  std::span<const float> tensor(std::string_view name) const;
  // SHA-256 over the manifest's digest and the little-endian values.
  std::string digest() const;
};

}  // namespace weft
