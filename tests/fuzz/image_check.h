// What the targets of picture files share.
#pragma once
#include <cstdlib>

#include "common/image/decoders.h"

// An error with a message, or a picture of the size that it says.
inline void check_decoder(weft::Result<weft::image::Image> (*decode)(weft::ByteSpan, const weft::image::DecodeOptions&),
                          weft::ByteSpan file) {
  using weft::image::Alpha;
  for (const Alpha alpha : {Alpha::drop, Alpha::white}) {
    const auto picture = decode(file, {.alpha = alpha, .max_pixels = 1 << 14});
    if (!picture) {
      if (picture.error().message.empty()) std::abort();
      continue;
    }
    const weft::image::Image& image = picture.value();
    if (image.width == 0 || image.rgb.size() != 3 * image.width * image.height) std::abort();
  }
}
