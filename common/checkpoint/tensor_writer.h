// A safetensors file written one tensor at a time: the layout is fixed first, then the bytes follow in its order.
#pragma once
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "common/tensor/safetensors.h"

namespace weft::checkpoint {

struct TensorPlan {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::size_t bytes = 0;
};

class TensorWriter {
 public:
  // Writes the header. Throws Failure.
  TensorWriter(const std::filesystem::path& file, std::vector<TensorPlan> plan);
  // The next tensor of the plan; WEFT_CHECKs its size. Throws Failure (disk full).
  void put(ByteSpan bytes);
  // WEFT_CHECKs that all tensors came; throws Failure.
  void close();

 private:
  void write(ByteSpan bytes);
  std::filesystem::path path_;
  std::ofstream file_;
  std::vector<TensorPlan> plan_;
  std::size_t next_ = 0;
};

}  // namespace weft::checkpoint
