// Foreign bytes as a preprocessor_config.json: an error with a message, or pictures of the size that it promises.
#include <cstdlib>
#include <string>

#include "common/image/preprocessor_settings.h"

namespace {

using namespace weft::image;

constexpr std::size_t kLargest = 64;  // else most of the time would go into large pictures

bool is_small(const Preprocessor::Settings& settings) {
  const auto fits = [](const Size& size) { return size.width <= kLargest && size.height <= kLargest; };
  return fits(settings.size.value_or(Size{1, 1})) && fits(settings.crop) &&
         settings.shortest_edge.value_or(1) <= kLargest;
}

void use(const std::string& text, const std::string& model_type) {
  const auto settings = Preprocessor::Settings::parse(text, "fuzz", model_type);
  const Preprocessor preprocessor = Preprocessor::parse(text, "fuzz", model_type);
  if (!is_small(settings)) return;
  for (const auto& [width, height] : {std::pair<std::size_t, std::size_t>{1, 1}, {7, 3}}) {
    const weft::Bytes grey(width * height, 200);
    const auto picture = preprocessor.prepare(from_grey(grey, width, height));
    if (!picture) continue;
    const Image& image = picture.value();
    if (image.rgb.size() != 3 * image.width * image.height) std::abort();
    if (const auto promised = preprocessor.output_size())
      if (image.width != promised->width || image.height != promised->height) std::abort();
    std::vector<float> pixels(image.rgb.size());
    preprocessor.normalizer().apply(image.rgb, pixels);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const char* model_type : {"", "vit"}) {
    try {
      use({reinterpret_cast<const char*>(data), size}, model_type);
    } catch (const weft::ConfigError& error) {
      if (std::string(error.what()).empty()) std::abort();
    }
  }
  return 0;
}
