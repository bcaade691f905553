// What preprocessor_config.json says, with the defaults of its type. Internal to this library.
#pragma once
#include <filesystem>
#include <string>

#include "common/image/preprocessor.h"

namespace weft::image {

struct Preprocessor::Settings {
  bool convert_rgb = false, resize = true, center_crop = false, rescale = true, normalize = true;
  std::optional<Size> size;
  std::optional<std::size_t> shortest_edge;
  Resample resample = Resample::bilinear;
  Size crop{224, 224};
  double rescale_factor = 1.0 / 255;
  std::array<double, 3> mean{0.5, 0.5, 0.5}, deviation{0.5, 0.5, 0.5};

  static Settings load(const std::filesystem::path& folder);
  static Settings parse(const std::string& json, const std::string& origin, const std::string& model_type);
};

}  // namespace weft::image
