// Decoding and resizing against Pillow, byte for byte, and preprocessing against transformers. The expected values are
// made by scripts/make_image_fixtures.py.
#include "common/image/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/image/preprocessor.h"

namespace weft::image {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const std::filesystem::path kFolder = std::filesystem::path(WEFT_SOURCE_DIR) / "tests/fixtures/image";

Bytes file_of(const std::string& name) {
  const std::string text = read_text(kFolder / name).value();
  return {text.begin(), text.end()};
}

json cases(const char* kind) { return json::parse(read_text(kFolder / "cases.json").value()).at(kind); }

Bytes expected(const json& place, std::size_t count) {
  static const Bytes kAll = file_of("expected.bin");
  const auto begin = kAll.begin() + place.get<std::ptrdiff_t>();
  return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

std::string refused(ByteSpan file, const DecodeOptions& options = {}) {
  const auto decoded = decode(file, options);
  return decoded ? "accepted" : decoded.error().message;
}

TEST(DecodeTest, GivesThePixelsOfPillow) {
  const json all = cases("decode");
  ASSERT_GT(all.size(), 45U);
  for (const json& one : all) {
    const Bytes file = file_of(one["file"]);
    const std::size_t height = one["height"], width = one["width"];
    for (const auto& [key, alpha] : {std::pair{"drop", Alpha::drop}, {"white", Alpha::white}}) {
      const Result<Image> decoded = decode(file, {.alpha = alpha});
      ASSERT_TRUE(decoded) << one["file"] << decoded.error().message;
      EXPECT_EQ(decoded.value().height, height);
      EXPECT_EQ(decoded.value().width, width);
      EXPECT_EQ(decoded.value().rgb, expected(one[key], 3 * height * width)) << one["file"] << " " << key;
    }
  }
}

TEST(DecodeTest, RefusesWhatItIsNotFor) {
  EXPECT_THAT(refused({}), HasSubstr("neither those of a PNG nor of a JPEG"));
  EXPECT_THAT(refused(as_bytes("GIF89a")), HasSubstr("neither"));
  EXPECT_THAT(refused(file_of("cmyk.jpg")),
              HasSubstr("has 4 colour components (four are CMYK), expected grey or colour"));
}

TEST(DecodeTest, RefusesATornFileWherever) {
  for (const char* name : {"kind6_8_interlaced.png", "filtered.png", "half.jpg", "progressive.jpg"}) {
    const Bytes file = file_of(name);
    // The end marks (12 bytes and 2 bytes) may be missing without harm.
    for (std::size_t size = 9; size + 16 < file.size(); size += 7)
      EXPECT_THAT(refused(ByteSpan(file).first(size)), HasSubstr("is broken: ")) << name << " " << size;
  }
}

TEST(DecodeTest, RefusesALargePictureByItsHeader) {
  Bytes huge = file_of("filtered.png");
  EXPECT_THAT(refused(huge, {.max_pixels = 629}), HasSubstr("is of 21 x 30 pixels, the limit is 629 in all"));
  EXPECT_EQ(refused(huge, {.max_pixels = 630}), "accepted");
  EXPECT_THAT(refused(file_of("half.jpg"), {.max_pixels = 944}), HasSubstr("JPEG file is of 27 x 35 pixels"));
  // A lie of 65,535 x 65,535 pixels in the frame header of a JPEG file.
  Bytes jpeg = file_of("grey.jpg");
  const auto frame = std::search(jpeg.begin(), jpeg.end(), "\xff\xc0", "\xff\xc0" + 2,
                                 [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); });
  ASSERT_NE(frame, jpeg.end());
  std::fill_n(frame + 5, 4, 0xfe);
  EXPECT_THAT(refused(jpeg), HasSubstr("is of 65278 x 65278 pixels"));
}

TEST(FromGreyTest, RepeatsEachPixel) { EXPECT_EQ(from_grey(Bytes{7, 9}, 2, 1), (Image{2, 1, {7, 7, 7, 9, 9, 9}})); }

TEST(ResizeTest, GivesTheBytesOfPillow) {
  const Image picture = decode(file_of("filtered.png")).value();
  const json all = cases("resize");
  ASSERT_EQ(all.size(), 28U);
  for (const json& one : all) {
    const Image out = resize(picture, {one["height"], one["width"]}, static_cast<Resample>(one["resample"].get<int>()));
    EXPECT_EQ(sha256_hex(out.rgb), one["sha256"]) << one;
  }
}

TEST(CenterCropTest, CutsAndPads) {
  const Image row = from_grey(Bytes{1, 2, 3, 4, 5}, 5, 1);
  EXPECT_EQ(center_crop(row, {1, 2}), from_grey(Bytes{2, 3}, 2, 1));
  EXPECT_EQ(center_crop(row, {1, 5}), row);
  EXPECT_EQ(center_crop(row, {2, 8}), from_grey(Bytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 0}, 8, 2));
}

std::vector<float> processed(const Preprocessor& preprocessor, const Image& prepared) {
  std::vector<float> out(prepared.rgb.size());
  preprocessor.normalizer().apply(prepared.rgb, out);
  return out;
}

TEST(PreprocessorTest, GivesThePixelsOfTransformers) {
  const json all = cases("process");
  ASSERT_EQ(all.size(), 12U);
  for (const json& one : all) {
    const auto preprocessor = Preprocessor::parse(one["config"].dump(), "f", "");
    const Result<Image> prepared = preprocessor.prepare(file_of(one["file"]));
    ASSERT_TRUE(prepared) << prepared.error().message;
    EXPECT_EQ(prepared.value().height, one["height"]) << one;
    EXPECT_EQ(prepared.value().width, one["width"]) << one;
    const std::vector<float> pixels = processed(preprocessor, prepared.value());
    const Bytes raw = expected(one["at"], 4 * pixels.size());
    double worst = 0;
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      float value = 0;
      std::memcpy(&value, &raw[4 * i], 4);
      worst = std::max(worst, std::fabs(double{pixels[i]} - value));
    }
    EXPECT_LT(worst, 1e-5) << one;
  }
}

std::string config_error(const std::string& json_text, const std::string& model_type = "vit") {
  try {
    (void)Preprocessor::parse(json_text, "p.json", model_type);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(PreprocessorTest, ASizeThatIsANumberMeansWhatTheTypeSays) {
  const auto size = [](const std::string& type) {
    return Preprocessor::parse("{\"size\": 20, \"crop_size\": 9, \"do_center_crop\": null}", "f", type)
        .prepare(from_grey(Bytes(12), 4, 3))
        .value();
  };
  EXPECT_EQ(size("vit").width, 20U);
  EXPECT_EQ(size("clip").width, 9U);
  const auto edge = Preprocessor::parse("{\"size\": 20, \"do_center_crop\": false}", "f", "clip");
  EXPECT_EQ(edge.output_size(), std::nullopt);
  const Image wide = edge.prepare(from_grey(Bytes(12), 4, 3)).value();
  EXPECT_EQ(wide.height, 20U);
  EXPECT_EQ(wide.width, 26U);
}

TEST(PreprocessorTest, RefusesNonsense) {
  EXPECT_THAT(config_error("[]"), HasSubstr("p.json: not a JSON object"));
  EXPECT_THAT(config_error("{}", "llama"),
              HasSubstr("the model type is \"llama\", expected that of ViT, DeiT or CLIP"));
  EXPECT_THAT(config_error("{\"image_processor_type\": \"BlipImageProcessor\"}"), HasSubstr("BlipImageProcessor"));
  EXPECT_THAT(config_error("{\"size\": 0}"), HasSubstr("\"size\" is 0, expected sides from 1 to 16384"));
  EXPECT_THAT(config_error("{\"size\": {\"height\": 5, \"width\": 1e9}}"), HasSubstr("expected sides from 1"));
  EXPECT_THAT(config_error("{\"size\": {\"longest_edge\": 5}}"), HasSubstr("a number, {\"height\", \"width\"} or"));
  EXPECT_THAT(config_error("{\"crop_size\": {\"height\": 5}}"), HasSubstr("\"crop_size\""));
  EXPECT_THAT(config_error("{\"resample\": 4}"), HasSubstr("\"resample\" is 4, expected 0 (nearest)"));
  EXPECT_THAT(config_error("{\"image_std\": [1, 0, 1]}"), HasSubstr("numbers other than 0"));
  EXPECT_THAT(config_error("{\"image_mean\": [1, 0]}"), HasSubstr("a number for each of red, green and blue"));
  EXPECT_THAT(config_error("{\"do_resize\": 1}"), HasSubstr("expected true or false"));
  EXPECT_THAT(config_error("{\"do_pad\": true}"), HasSubstr("padding is not supported"));
}

TEST(PreprocessorTest, RefusesAPictureThatWouldGrowWithoutEnd) {
  const auto clip = Preprocessor::parse("{}", "f", "clip");
  const Result<Image> out = clip.prepare(from_grey(Bytes(2'000'000), 1, 2'000'000));
  ASSERT_FALSE(out);
  EXPECT_THAT(out.error().message, HasSubstr("would become one of 224 x 448000000 pixels"));
}

TEST(PreprocessorTest, ReadsTheFolder) {
  std::string name = (std::filesystem::temp_directory_path() / "weft_imageXXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(name.data());
  const auto write = [&](const char* file, const char* text) {
    (void)write_atomic(folder / file, as_bytes(text)).value();
  };
  EXPECT_THROW((void)Preprocessor::load(folder), ConfigError);
  write("config.json", "{\"model_type\": \"deit\"}");
  write("processor_config.json", "{\"image_processor\": {\"crop_size\": 11}}");
  EXPECT_EQ(Preprocessor::load(folder).output_size(), (Size{11, 11}));
  write("preprocessor_config.json", "{\"crop_size\": 12}");
  EXPECT_EQ(Preprocessor::load(folder).output_size(), (Size{12, 12}));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace weft::image
