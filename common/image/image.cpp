// Which decoder reads a file.
#include "common/image/image.h"

#include <algorithm>
#include <array>

#include "common/image/decoders.h"

namespace weft::image {
namespace {

struct Format {
  std::string_view magic;
  Result<Image> (*decode)(ByteSpan, const DecodeOptions&);
};
constexpr std::array<Format, 2> kFormats{{{"\x89PNG\r\n\x1a\n", decode_png}, {"\xff\xd8\xff", decode_jpeg}}};

}  // namespace

Result<Image> decode(ByteSpan file, const DecodeOptions& options) {
  for (const Format& format : kFormats)
    if (as_text(file).starts_with(format.magic)) return format.decode(file, options);
  return Error{"the first bytes are neither those of a PNG nor of a JPEG file; convert it to PNG"};
}

std::string size_problem(std::size_t width, std::size_t height, const DecodeOptions& options) {
  if (width == 0 || height == 0) return "has no pixels";
  if (height <= options.max_pixels / width) return "";
  return "is of " + std::to_string(width) + " x " + std::to_string(height) + " pixels, the limit is " +
         std::to_string(options.max_pixels) + " in all; make it smaller";
}

Image from_grey(ByteSpan grey, std::size_t width, std::size_t height) {
  WEFT_CHECK(grey.size() == width * height, "grey pixels of another size");
  Image out{width, height, Bytes(3 * grey.size())};
  for (std::size_t i = 0; i < grey.size(); ++i) std::fill_n(&out.rgb[3 * i], 3, grey[i]);
  return out;
}

}  // namespace weft::image
