// Foreign bytes as a JPEG file: an error with a message, or a picture of the size that it says.
#include <cstdlib>

#include "common/image/decoders.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weft::image;
  for (const Alpha alpha : {Alpha::drop, Alpha::white}) {
    const auto picture = decode_jpeg({data, size}, {.alpha = alpha, .max_pixels = 1 << 14});
    if (!picture) {
      if (picture.error().message.empty()) std::abort();
      continue;
    }
    const Image& image = picture.value();
    if (image.width == 0 || image.rgb.size() != 3 * image.width * image.height) std::abort();
  }
  return 0;
}
