// One decoder a file format. Internal to this library.
#pragma once
#include "common/image/image.h"

namespace weft::image {

Result<Image> decode_png(ByteSpan file, const DecodeOptions& options);
Result<Image> decode_jpeg(ByteSpan file, const DecodeOptions& options);

// Empty when the size is within the limits.
std::string size_problem(std::size_t width, std::size_t height, const DecodeOptions& options);

}  // namespace weft::image
