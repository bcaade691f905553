// Doing what preprocessor_config.json says.
#include "common/image/preprocessor.h"

#include <algorithm>

#include "common/image/preprocessor_settings.h"

namespace weft::image {
namespace {

// transformers rescales in double precision and normalises in single.
Normalizer make_normalizer(const Preprocessor::Settings& settings) {
  Normalizer out;
  for (std::size_t channel = 0; channel < 3; ++channel) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      auto value = static_cast<float>(byte);
      if (settings.rescale) value = static_cast<float>(static_cast<double>(byte) * settings.rescale_factor);
      if (settings.normalize)
        value = (value - static_cast<float>(settings.mean[channel])) / static_cast<float>(settings.deviation[channel]);
      out.value[channel][byte] = value;
    }
  }
  return out;
}

}  // namespace

void Normalizer::apply(ByteSpan rgb, std::span<float> out) const {
  WEFT_CHECK(rgb.size() == out.size() && rgb.size() % 3 == 0, "pixels and their place differ in size");
  const std::size_t pixels = rgb.size() / 3;
  for (std::size_t channel = 0; channel < 3; ++channel)
    for (std::size_t i = 0; i < pixels; ++i) out[channel * pixels + i] = value[channel][rgb[3 * i + channel]];
}

Preprocessor::Preprocessor(const Settings& settings)
    : alpha_(settings.convert_rgb ? Alpha::white : Alpha::drop),
      resample_(settings.resample),
      normalizer_(make_normalizer(settings)) {
  if (settings.resize) {
    size_ = settings.size;
    shortest_edge_ = settings.shortest_edge;
  }
  if (settings.center_crop) crop_ = settings.crop;
}

Preprocessor Preprocessor::load(const std::filesystem::path& folder) { return Preprocessor(Settings::load(folder)); }

Preprocessor Preprocessor::parse(const std::string& json, const std::string& origin, const std::string& model_type) {
  return Preprocessor(Settings::parse(json, origin, model_type));
}

std::optional<Size> Preprocessor::output_size() const { return crop_ ? crop_ : size_; }

Result<Image> Preprocessor::prepare(ByteSpan file) const {
  Result<Image> decoded = decode(file, {.alpha = alpha_});
  return decoded ? prepare(decoded.value()) : decoded;
}

Result<Image> Preprocessor::prepare(const Image& picture) const {
  Size size{picture.height, picture.width};
  if (size_) size = *size_;
  if (shortest_edge_) {
    const bool upright = picture.width <= picture.height;
    const std::size_t shorter = std::min(size.width, size.height), longer = std::max(size.width, size.height);
    const auto stretched =
        static_cast<std::size_t>(static_cast<double>(*shortest_edge_ * longer) / static_cast<double>(shorter));
    size = upright ? Size{stretched, *shortest_edge_} : Size{*shortest_edge_, stretched};
  }
  // A long thin picture grows when its short side does.
  if (size.height > DecodeOptions{}.max_pixels / size.width)
    return Error{"a picture of " + std::to_string(picture.width) + " x " + std::to_string(picture.height) +
                 " would become one of " + std::to_string(size.width) + " x " + std::to_string(size.height) +
                 " pixels; crop it first"};
  Image resized = resize(picture, size, resample_);
  return crop_ ? center_crop(resized, *crop_) : resized;
}

}  // namespace weft::image
