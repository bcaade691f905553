// Pictures as 8-bit RGB: decoded from PNG and JPEG files, or made of grey arrays.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace weft::image {

// Rows from the top, each of `width` pixels of three bytes.
struct Image {
  std::size_t width = 0, height = 0;
  std::vector<std::uint8_t> rgb;  // 3 * width * height
  bool operator==(const Image&) const = default;
};

// What becomes of transparency: `drop` keeps the colour below it, as Pillow's convert("RGB"); `white` lays the picture
// on a white ground, as transformers' convert_to_rgb.
enum class Alpha { drop, white };

struct DecodeOptions {
  Alpha alpha = Alpha::drop;
  std::size_t max_pixels = std::size_t{64} << 20;  // checked against the header before anything is allocated
};

// The bytes of a whole PNG (all kinds) or JPEG file (grey and colour, baseline and progressive), equal to what Pillow's
// Image.open(file).convert("RGB") gives. Its rules for rare kinds are followed too: grey of 16 bits is cut off at 255,
// and of colour with 16 bits the high byte counts. An error says what is wrong: neither format, torn, too large, or of
// four inks (CMYK). Any thread.
Result<Image> decode(ByteSpan file, const DecodeOptions& options = {});

// Grey pixels, 0 black to 255 white, rows from the top.
Image from_grey(ByteSpan grey, std::size_t width, std::size_t height);

}  // namespace weft::image
