// Pictures to the pixels a vision model wants, as the image processors of transformers do for ViT, DeiT and CLIP.
// Two halves, so that a data set is kept in bytes: `prepare` decodes, resizes and crops; the normalizer then makes
// floats of the bytes whenever a batch is put together.
#pragma once
#include <array>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "common/image/resize.h"

namespace weft::image {

// Bytes to floats by table: rescaled, then less the channel's mean and over its deviation, each if the file says so.
struct Normalizer {
  std::array<std::array<float, 256>, 3> value{};  // by channel and byte
  // `rgb` is rows of pixels (height, width, 3), `out` planes (3, height, width) of as many values.
  void apply(ByteSpan rgb, std::span<float> out) const;
};

// Immutable after load: any thread may use it.
class Preprocessor {
 public:
  struct Settings;  // what the file says
  // Reads preprocessor_config.json of a Hugging Face folder, or the image_processor of its processor_config.json.
  // Where neither names its type, model_type in config.json tells it. ConfigError: neither is there, another type, or a
  // value that is wrong or not supported.
  static Preprocessor load(const std::filesystem::path& folder);
  // The same from the file's text; `origin` stands for it in errors, `model_type` may be empty.
  static Preprocessor parse(const std::string& json, const std::string& origin, const std::string& model_type);

  // Decoded as the file says: transparency lies on white with do_convert_rgb, else is dropped. Then resized and
  // cropped.
  Result<Image> prepare(ByteSpan file) const;
  Result<Image> prepare(const Image& picture) const;
  const Normalizer& normalizer() const { return normalizer_; }
  // The size of what prepare() gives; none when it follows the picture's own shape.
  std::optional<Size> output_size() const;

 private:
  explicit Preprocessor(const Settings& settings);

  Alpha alpha_ = Alpha::drop;
  std::optional<Size> size_;                  // to resize to
  std::optional<std::size_t> shortest_edge_;  // or: to resize the shorter side to, keeping the shape
  Resample resample_ = Resample::bilinear;
  std::optional<Size> crop_;
  Normalizer normalizer_;
};

}  // namespace weft::image
