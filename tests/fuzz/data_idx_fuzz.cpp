// Foreign bytes as the two files of an IDX data set, the first byte being the length of the labels' file: an error, or
// pictures that lie inside the input.
#include <algorithm>
#include <cstdlib>

#include "common/data/image_rows.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const weft::ByteSpan input(data + 1, size - 1);
  const std::size_t labels = std::min<std::size_t>(data[0], input.size());
  try {
    weft::data::read_idx(input.subspan(labels), input.first(labels), "f", [&](const weft::data::Row& row) {
      const weft::ByteSpan pixels = row.image.grey_pixels();
      if (pixels.empty() || pixels.size() > size || row.cells.size() != 1) std::abort();
    });
  } catch (const weft::ConfigError& error) {
    if (*error.what() == 0) std::abort();
  }
  return 0;
}
