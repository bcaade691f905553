// Foreign bytes as a PNG file whose checksums fit: an error with a message, or a picture of the size that it says.
#include <cstdlib>

#include "common/image/decoders.h"

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
  using namespace weft::image;
  weft::Bytes file(data, data + size);
  mend_checksums(file);
  for (const Alpha alpha : {Alpha::drop, Alpha::white}) {
    const auto picture = decode_png(file, {.alpha = alpha, .max_pixels = 1 << 14});
    if (!picture) {
      if (picture.error().message.empty()) std::abort();
      continue;
    }
    const Image& image = picture.value();
    if (image.width == 0 || image.rgb.size() != 3 * image.width * image.height) std::abort();
  }
  return 0;
}
