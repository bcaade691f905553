// The IDX format: two zero bytes, the type of the values, the count of dimensions, their sizes of four bytes each with
// the high byte first, and the values.
#include <algorithm>
#include <array>

#include "common/data/image_rows.h"

namespace weft::data {
namespace {

constexpr std::uint8_t kUnsignedBytes = 8;

struct Idx {
  std::array<std::size_t, 3> sizes{1, 1, 1};
  ByteSpan values;
};

[[noreturn]] void idx_error(const std::string& origin, const std::string& problem) {
  throw ConfigError(origin + ": " + problem);
}

Idx parse_idx(ByteSpan file, std::size_t dimensions, const std::string& origin) {
  const std::size_t header = 4 + 4 * dimensions;
  if (file.size() < header || file[0] != 0 || file[1] != 0 || file[2] != kUnsignedBytes || file[3] != dimensions)
    idx_error(origin,
              "no IDX file of bytes in " + std::to_string(dimensions) + " dimensions; expected one as of MNIST");
  Idx idx;
  std::size_t count = 1;
  for (std::size_t i = 0; i < dimensions; ++i) {
    const ByteSpan digits = file.subspan(4 + 4 * i, 4);
    idx.sizes[i] =
        std::size_t{digits[0]} << 24 | std::size_t{digits[1]} << 16 | std::size_t{digits[2]} << 8 | digits[3];
    if (idx.sizes[i] == 0 || count > file.size() / idx.sizes[i])
      idx_error(origin, "its header declares more than the file holds, or nothing; fetch it again");
    count *= idx.sizes[i];
  }
  idx.values = file.subspan(header);
  if (idx.values.size() != count)
    idx_error(origin, "holds " + std::to_string(idx.values.size()) + " values, its header declares " +
                          std::to_string(count) + "; fetch it again");
  return idx;
}

}  // namespace

void read_idx(ByteSpan images, ByteSpan labels, const std::string& origin, const RowSink& sink) {
  const Idx pictures = parse_idx(images, 3, origin), classes = parse_idx(labels, 1, "the labels of " + origin);
  const auto [count, height, width] = pictures.sizes;
  if (classes.sizes[0] != count)
    idx_error(origin, "holds " + std::to_string(count) + " pictures, and there are " +
                          std::to_string(classes.sizes[0]) + " labels; both files must be of one data set");
  const auto grey = std::make_shared<const Bytes>(pictures.values.begin(), pictures.values.end());
  for (std::size_t i = 0; i < count; ++i) {
    sink({.line = i + 1,
          .cells = {std::to_string(classes.values[i])},
          .image = image_of_grey(grey, i * width * height, width, height)});
  }
}

std::filesystem::path idx_labels_of(const std::filesystem::path& images) {
  const std::string part = "images-idx3";
  std::string name = images.filename().string();
  const std::size_t at = name.find(part);
  if (at == std::string::npos)
    idx_error(images.string(), "the name of an IDX file of pictures must hold \"" + part +
                                   "\", so that its labels are found: in the file with \"labels-idx1\" in its place");
  return images.parent_path() / name.replace(at, part.size(), "labels-idx1");
}

}  // namespace weft::data
