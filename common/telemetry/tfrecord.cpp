// The bytes of TensorBoard records: TFRecord framing and the few protobuf fields that a scalar needs.
#include <array>
#include <bit>
#include <cstring>

#include "common/telemetry/tensorboard.h"

namespace weft::telemetry {
namespace {

constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78U : 0U);
    table[i] = value;
  }
  return table;
}();

void append(Bytes& to, ByteSpan bytes) {
  for (const std::uint8_t byte : bytes) to.push_back(byte);
}

template <class Int>
void append_little_endian(Bytes& to, Int value) {
  for (std::size_t i = 0; i < sizeof value; ++i) to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

// Protobuf wire types: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes.
void append_varint(Bytes& to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) to.push_back(static_cast<std::uint8_t>(value | 0x80));
  to.push_back(static_cast<std::uint8_t>(value));
}
void append_tag(Bytes& to, std::uint32_t field, std::uint32_t type) { append_varint(to, (field << 3) | type); }
void append_double(Bytes& to, std::uint32_t field, double value) {
  append_tag(to, field, 1);
  append_little_endian(to, std::bit_cast<std::uint64_t>(value));
}
void append_float(Bytes& to, std::uint32_t field, float value) {
  append_tag(to, field, 5);
  append_little_endian(to, std::bit_cast<std::uint32_t>(value));
}
void append_bytes(Bytes& to, std::uint32_t field, ByteSpan bytes) {
  append_tag(to, field, 2);
  append_varint(to, bytes.size());
  append(to, bytes);
}

Bytes framed(const Bytes& event) {
  Bytes record;
  append_little_endian(record, std::uint64_t{event.size()});
  append_little_endian(record, masked_crc32c(record));
  append(record, event);
  append_little_endian(record, masked_crc32c(event));
  return record;
}

}  // namespace

std::uint32_t crc32c(ByteSpan bytes) {
  std::uint32_t crc = ~0U;
  for (const std::uint8_t byte : bytes) crc = (crc >> 8) ^ kCrcTable[(crc ^ byte) & 0xff];
  return ~crc;
}

std::uint32_t masked_crc32c(ByteSpan bytes) { return std::rotr(crc32c(bytes), 15) + 0xa282ead8U; }

// Event: wall_time = 1, step = 2, file_version = 3, summary = 5.
Bytes file_version_record(double wall) {
  Bytes event;
  append_double(event, 1, wall);
  append_bytes(event, 3, as_bytes("brain.Event:2"));
  return framed(event);
}

// Summary: value = 1; Value: tag = 1, simple_value = 2.
Bytes scalar_record(double wall, std::int64_t step, const std::string& tag, float value) {
  Bytes one, summary, event;
  append_bytes(one, 1, as_bytes(tag));
  append_float(one, 2, value);
  append_bytes(summary, 1, one);
  append_double(event, 1, wall);
  append_tag(event, 2, 0);
  append_varint(event, static_cast<std::uint64_t>(step));
  append_bytes(event, 5, summary);
  return framed(event);
}

}  // namespace weft::telemetry
