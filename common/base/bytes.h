// Byte buffers as the rest of the code passes them: owned (Bytes) and borrowed (ByteSpan).
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft {

using Bytes = std::vector<std::uint8_t>;
using ByteSpan = std::span<const std::uint8_t>;

inline ByteSpan as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteSpan bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
template <class T>
ByteSpan bytes_of(std::span<const T> values) {
  return {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()};
}

std::string to_hex(ByteSpan bytes);
// "1.5 MiB", "23 KiB", "7 B": for people, never parsed.
std::string human_bytes(std::uint64_t count);

}  // namespace weft
