// What identifies a picture.
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/data/dataset.h"

namespace weft::data {

Result<ImageRef> image_of_file(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  if (!file) return file.error();
  ImageRef image;
  image.path = path;
  image.digest = sha256_hex(file.value().bytes());
  return image;
}

ImageRef image_of_grey(std::shared_ptr<const Bytes> grey, std::size_t offset, std::size_t width, std::size_t height) {
  ImageRef image{.grey = std::move(grey), .offset = offset, .width = width, .height = height};
  Sha256 hash;
  hash.update(as_bytes(std::to_string(width) + "x" + std::to_string(height) + ":"));
  image.digest = hash.update(image.grey_pixels()).hex();
  return image;
}

}  // namespace weft::data
