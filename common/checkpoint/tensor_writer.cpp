// Streaming safetensors.
#include "common/checkpoint/tensor_writer.h"

#include <array>
#include <nlohmann/json.hpp>

namespace weft::checkpoint {

TensorWriter::TensorWriter(const std::filesystem::path& file, std::vector<TensorPlan> plan)
    : path_(file), file_(file, std::ios::binary | std::ios::trunc), plan_(std::move(plan)) {
  nlohmann::ordered_json header{{"__metadata__", {{"format", "pt"}}}};
  std::size_t offset = 0;
  for (const TensorPlan& tensor : plan_) {
    header[tensor.name] = {{"dtype", name_of(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", std::array{offset, offset + tensor.bytes}}};
    offset += tensor.bytes;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // keeps the tensors aligned
  std::array<std::uint8_t, 8> length{};
  for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<std::uint8_t>(std::uint64_t{text.size()} >> (8 * i));
  write(length);
  write(as_bytes(text));
}

void TensorWriter::put(ByteSpan bytes) {
  WEFT_CHECK(next_ < plan_.size() && bytes.size() == plan_[next_].bytes, "tensor out of plan");
  ++next_;
  write(bytes);
}

void TensorWriter::close() {
  WEFT_CHECK(next_ == plan_.size(), "a tensor of the plan is missing");
  file_.close();
  if (!file_) throw Failure("cannot write " + path_.string() + "; is the disk full?");
}

void TensorWriter::write(ByteSpan bytes) {
  file_.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!file_) throw Failure("cannot write " + path_.string() + "; is the disk full?");
}

}  // namespace weft::checkpoint
