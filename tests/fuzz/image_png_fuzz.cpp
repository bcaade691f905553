// Foreign bytes as a PNG file whose checksums fit: an error with a message, or a picture of the size that it says.
#include "tests/fuzz/image_check.h"

namespace {

std::uint32_t crc32(weft::ByteSpan bytes) {
  std::uint32_t crc = ~0U;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xedb88320U : 0);
  }
  return ~crc;
}

// Else few inputs would get past the first chunk.
void mend_checksums(weft::Bytes& file) {
  for (std::size_t at = 8; at + 12 <= file.size();) {
    const std::size_t length = std::size_t{file[at]} << 24 | file[at + 1] << 16 | file[at + 2] << 8 | file[at + 3];
    if (length > file.size() - at - 12) return;
    const std::uint32_t crc = crc32(weft::ByteSpan(file).subspan(at + 4, length + 4));
    at += length + 8;
    for (int shift = 24; shift >= 0; shift -= 8) file[at++] = static_cast<std::uint8_t>(crc >> shift);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weft::Bytes file(data, data + size);
  mend_checksums(file);
  check_decoder(weft::image::decode_png, file);
  return 0;
}
