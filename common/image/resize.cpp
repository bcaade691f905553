// Convolution along rows and columns with 22 fractional bits, and copies.
#include "common/image/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

namespace weft::image {
namespace {

constexpr int kFraction = 22;  // bits: 32 less 8 for the value and 2 for the sum's overshoot

double triangle(double x) { return std::max(0.0, 1 - std::fabs(x)); }

// Source: Keys 1981, "Cubic convolution interpolation for digital image processing", with a = -0.5.
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

double sinc(double x) { return x == 0 ? 1 : std::sin(x * std::numbers::pi) / (x * std::numbers::pi); }
double lanczos3(double x) { return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0; }

struct Filter {
  double (*weight)(double);
  double support;  // beyond it the weight is 0
};

Filter filter_of(Resample resample) {
  switch (resample) {
    case Resample::bicubic:
      return {cubic, 2};
    case Resample::lanczos:
      return {lanczos3, 3};
    default:
      return {triangle, 1};
  }
}

// What one output pixel takes from the line: weights.size() neighbours from `begin` on.
struct Tap {
  std::size_t begin = 0;
  std::vector<std::int32_t> weights;
};

std::vector<Tap> taps_of(std::size_t from, std::size_t to, const Filter& filter) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double stretch = std::max(scale, 1.0);
  const double support = filter.support * stretch;
  std::vector<Tap> taps(to);
  std::vector<double> weights;
  for (std::size_t i = 0; i < to; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    // Rounded towards zero after adding a half, as Pillow does; that differs from lround below zero.
    // NOLINTBEGIN(bugprone-incorrect-roundings)
    const auto first = std::max<std::int64_t>(0, static_cast<std::int64_t>(center - support + 0.5));
    const auto last =
        std::min<std::int64_t>(static_cast<std::int64_t>(from), static_cast<std::int64_t>(center + support + 0.5));
    // NOLINTEND(bugprone-incorrect-roundings)
    weights.clear();
    double sum = 0;
    for (std::int64_t x = first; x < last; ++x) {
      weights.push_back(filter.weight((static_cast<double>(x) - center + 0.5) * (1.0 / stretch)));
      sum += weights.back();
    }
    taps[i].begin = static_cast<std::size_t>(first);
    for (const double weight : weights) {
      const double part = (sum != 0 ? weight / sum : weight) * (1 << kFraction);
      taps[i].weights.push_back(static_cast<std::int32_t>(part < 0 ? part - 0.5 : part + 0.5));
    }
  }
  return taps;
}

std::uint8_t rounded(std::int32_t sum) { return static_cast<std::uint8_t>(std::clamp(sum >> kFraction, 0, 255)); }

// One output pixel; its neighbours on the line are `stride` bytes apart.
void convolve(const std::uint8_t* line, std::size_t stride, const Tap& tap, std::uint8_t* out) {
  std::int32_t sums[3] = {1 << (kFraction - 1), 1 << (kFraction - 1), 1 << (kFraction - 1)};
  const std::uint8_t* at = line + tap.begin * stride;
  for (const std::int32_t weight : tap.weights) {
    for (int channel = 0; channel < 3; ++channel) sums[channel] += at[channel] * weight;
    at += stride;
  }
  for (int channel = 0; channel < 3; ++channel) out[channel] = rounded(sums[channel]);
}

Image across(const Image& in, std::size_t width, const Filter& filter) {
  Image out{width, in.height, Bytes(3 * width * in.height)};
  const std::vector<Tap> taps = taps_of(in.width, width, filter);
  for (std::size_t y = 0; y < in.height; ++y)
    for (std::size_t x = 0; x < width; ++x)
      convolve(&in.rgb[3 * in.width * y], 3, taps[x], &out.rgb[3 * (width * y + x)]);
  return out;
}

Image down(const Image& in, std::size_t height, const Filter& filter) {
  Image out{in.width, height, Bytes(3 * in.width * height)};
  const std::vector<Tap> taps = taps_of(in.height, height, filter);
  for (std::size_t y = 0; y < height; ++y)
    for (std::size_t x = 0; x < in.width; ++x)
      convolve(&in.rgb[3 * x], 3 * in.width, taps[y], &out.rgb[3 * (in.width * y + x)]);
  return out;
}

// The place each output pixel is taken from. Summed step by step: the rounding of the sum is part of the result.
std::vector<std::size_t> nearest(std::size_t from, std::size_t to) {
  const double step = static_cast<double>(from) / static_cast<double>(to);
  std::vector<std::size_t> places;
  double at = step * 0.5;
  while (places.size() < to) {
    places.push_back(std::min(from - 1, static_cast<std::size_t>(at)));
    at += step;
  }
  return places;
}

Image pick(const Image& in, Size size) {
  Image out{size.width, size.height, Bytes(3 * size.width * size.height)};
  const std::vector<std::size_t> columns = nearest(in.width, size.width), rows = nearest(in.height, size.height);
  std::uint8_t* to = out.rgb.data();
  for (const std::size_t y : rows)
    for (const std::size_t x : columns) to = std::copy_n(&in.rgb[3 * (in.width * y + x)], 3, to);
  return out;
}

// What a crop of `part` takes of a side of `whole`: `count` pixels from `from` on, put at `to`.
struct Window {
  std::size_t from = 0, to = 0, count = 0;
};

Window window(std::size_t whole, std::size_t part) {
  if (whole >= part) return {(whole - part) / 2, 0, part};
  // Half of the room, rounded up, is before the picture.
  return {0, (part - whole + 1) / 2, whole};
}

// When rows go first. The order shows in the rounding, so it is Pillow's since version 13: more than two rows go for
// each column that goes.
bool loses_more_rows(const Image& in, Size size) {
  return in.height > size.height && in.height - size.height + 2 * size.width > 2 * in.width;
}

}  // namespace

Image resize(const Image& picture, Size size, Resample resample) {
  WEFT_CHECK(size.width > 0 && size.height > 0 && picture.width > 0 && picture.height > 0, "a picture without pixels");
  if (Size{picture.height, picture.width} == size) return picture;
  if (resample == Resample::nearest) return pick(picture, size);
  const Filter filter = filter_of(resample);
  if (picture.width == size.width) return down(picture, size.height, filter);
  if (picture.height == size.height) return across(picture, size.width, filter);
  if (loses_more_rows(picture, size)) return across(down(picture, size.height, filter), size.width, filter);
  return down(across(picture, size.width, filter), size.height, filter);
}

Image center_crop(const Image& picture, Size size) {
  Image out{size.width, size.height, Bytes(3 * size.width * size.height)};
  const Window x = window(picture.width, size.width), y = window(picture.height, size.height);
  for (std::size_t row = 0; row < y.count; ++row) {
    std::memcpy(&out.rgb[3 * (size.width * (y.to + row) + x.to)],
                &picture.rgb[3 * (picture.width * (y.from + row) + x.from)], 3 * x.count);
  }
  return out;
}

}  // namespace weft::image
