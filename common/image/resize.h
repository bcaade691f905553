// Another size for a picture, byte for byte as Pillow does it.
#pragma once
#include "common/image/image.h"

namespace weft::image {

// Numbered as in Pillow and in preprocessor_config.json.
enum class Resample { nearest = 0, lanczos = 1, bilinear = 2, bicubic = 3 };

struct Size {
  std::size_t height = 0, width = 0;
  bool operator==(const Size&) const = default;
};

// Each side of `size` at least 1. All but `nearest` widen their filter when they shrink a picture, so that every pixel
// counts; the sums are in fixed point, across and then down, or first down where many rows go. Source: Pillow's
// Resample.c and Geometry.c.
Image resize(const Image& picture, Size size, Resample resample);

// The middle of the picture; where it is smaller than `size`, black around it. As transformers' center_crop.
Image center_crop(const Image& picture, Size size);

}  // namespace weft::image
