// Reading preprocessor_config.json. Absent and null are the same there.
#include "common/image/preprocessor_settings.h"

#include <nlohmann/json.hpp>

#include "common/base/file.h"
#include "common/base/json_depth.h"

namespace weft::image {
namespace {

using Json = nlohmann::json;
using Settings = Preprocessor::Settings;

constexpr std::int64_t kLargestSide = 16384;

struct Kind {
  std::string_view model_type, name;  // the file's image_processor_type begins with `name`
  bool int_is_square;                 // what a size that is a mere number means
  Settings defaults;
};

const std::array<Kind, 3>& kinds() {
  static const std::array<Kind, 3> kAll{
      {{"vit", "ViT", true, {.size = Size{224, 224}}},
       {"deit", "DeiT", true, {.center_crop = true, .size = Size{256, 256}, .resample = Resample::bicubic}},
       {"clip",
        "CLIP",
        false,
        {.convert_rgb = true,
         .center_crop = true,
         .shortest_edge = 224,
         .resample = Resample::bicubic,
         .mean = {0.48145466, 0.4578275, 0.40821073},
         .deviation = {0.26862954, 0.26130258, 0.27577711}}}}};
  return kAll;
}

class Reader {
 public:
  Reader(const Json& json, const std::string& origin) : json_(json), origin_(origin) {}

  [[noreturn]] void fail(const std::string& key, const std::string& expected) const {
    std::string shown = json_.at(key).dump(-1, ' ', false, Json::error_handler_t::replace);
    if (shown.size() > 60) shown = shown.substr(0, 60) + "...";
    throw ConfigError(origin_ + ": \"" + key + "\" is " + shown + ", expected " + expected);
  }

  const Json* find(const std::string& key) const {
    const auto at = json_.find(key);
    return at == json_.end() || at->is_null() ? nullptr : &*at;
  }

  std::string text(const std::string& key) const {
    const Json* value = find(key);
    return value != nullptr && value->is_string() ? value->get<std::string>() : "";
  }

  void read(const std::string& key, bool& out) const {
    const Json* value = find(key);
    if (value == nullptr) return;
    if (!value->is_boolean()) fail(key, "true or false");
    out = value->get<bool>();
  }

  void read(const std::string& key, double& out) const {
    const Json* value = find(key);
    if (value == nullptr) return;
    if (!value->is_number()) fail(key, "a number");
    out = value->get<double>();
  }

  // One number for all channels, or three.
  void read(const std::string& key, std::array<double, 3>& out) const {
    const Json* value = find(key);
    if (value == nullptr) return;
    const bool several = value->is_array() && value->size() == 3;
    if (!several && !value->is_number()) fail(key, "a number for each of red, green and blue");
    for (std::size_t i = 0; i < 3; ++i) {
      const Json& number = several ? value->at(i) : *value;
      if (!number.is_number()) fail(key, "a number for each of red, green and blue");
      out[i] = number.get<double>();
    }
  }

  std::size_t side(const std::string& key, const Json& value) const {
    if (!value.is_number_integer() || value.get<std::int64_t>() < 1 || value.get<std::int64_t>() > kLargestSide)
      fail(key, "sides from 1 to " + std::to_string(kLargestSide));
    return value.get<std::size_t>();
  }

  // {"height": H, "width": W}, or one number for a square; empty for other shapes.
  std::optional<Size> rectangle(const std::string& key, const Json& value) const {
    if (value.is_number()) return Size{side(key, value), side(key, value)};
    if (!value.is_object() || !value.contains("height") || !value.contains("width")) return {};
    return Size{side(key, value["height"]), side(key, value["width"])};
  }

 private:
  const Json& json_;
  const std::string& origin_;
};

void read_size(const Reader& reader, const Kind& kind, Settings& settings) {
  const Json* value = reader.find("size");
  if (value == nullptr) return;
  settings.size.reset();
  settings.shortest_edge.reset();
  if (value->is_number() && !kind.int_is_square) {
    settings.shortest_edge = reader.side("size", *value);
  } else if (const auto size = reader.rectangle("size", *value)) {
    settings.size = size;
  } else if (value->is_object() && value->contains("shortest_edge") && !value->contains("longest_edge")) {
    settings.shortest_edge = reader.side("size", value->at("shortest_edge"));
  } else {
    reader.fail("size", "a number, {\"height\", \"width\"} or {\"shortest_edge\"}");
  }
}

void read_crop(const Reader& reader, Settings& settings) {
  const Json* value = reader.find("crop_size");
  if (value == nullptr) return;
  const auto size = reader.rectangle("crop_size", *value);
  if (!size) reader.fail("crop_size", "a number or {\"height\", \"width\"}");
  settings.crop = *size;
}

void read_resample(const Reader& reader, Settings& settings) {
  const Json* value = reader.find("resample");
  if (value == nullptr) return;
  if (!value->is_number_integer() || value->get<std::int64_t>() < 0 || value->get<std::int64_t>() > 3)
    reader.fail("resample", "0 (nearest), 1 (Lanczos), 2 (bilinear) or 3 (bicubic); other filters are not supported");
  settings.resample = static_cast<Resample>(value->get<int>());
}

Json parse_object(const std::string& text, const std::string& origin) {
  Json json = Json::parse(shallow_json(text), nullptr, false);
  if (!json.is_object()) throw ConfigError(origin + ": not a JSON object; fetch the model again");
  return json;
}

const Kind& kind_of(const Reader& reader, const std::string& origin, const std::string& model_type) {
  std::string type = reader.text("image_processor_type");
  if (type.empty()) type = reader.text("feature_extractor_type");
  for (const Kind& kind : kinds())
    if (type.empty() ? kind.model_type == model_type : type.starts_with(kind.name)) return kind;
  throw ConfigError(origin + ": " +
                    (type.empty() ? "names no image_processor_type, and the model type is \"" + model_type + "\""
                                  : "image_processor_type is \"" + type + "\"") +
                    ", expected that of ViT, DeiT or CLIP");
}

Settings settings_of(const Json& json, const std::string& origin, const std::string& model_type) {
  const Reader reader(json, origin);
  const Kind& kind = kind_of(reader, origin, model_type);
  Settings settings = kind.defaults;
  reader.read("do_convert_rgb", settings.convert_rgb);
  reader.read("do_resize", settings.resize);
  reader.read("do_center_crop", settings.center_crop);
  reader.read("do_rescale", settings.rescale);
  reader.read("do_normalize", settings.normalize);
  reader.read("rescale_factor", settings.rescale_factor);
  reader.read("image_mean", settings.mean);
  reader.read("image_std", settings.deviation);
  bool pad = false;
  reader.read("do_pad", pad);
  if (pad) reader.fail("do_pad", "false; padding is not supported");
  if (std::find(settings.deviation.begin(), settings.deviation.end(), 0.0) != settings.deviation.end())
    reader.fail("image_std", "numbers other than 0");
  read_size(reader, kind, settings);
  read_crop(reader, settings);
  read_resample(reader, settings);
  return settings;
}

std::string model_type_of(const std::filesystem::path& folder) {
  const Result<std::string> text = read_text(folder / "config.json");
  if (!text) return "";
  const Json json = Json::parse(shallow_json(text.value()), nullptr, false);
  return json.is_object() ? Reader(json, "").text("model_type") : "";
}

}  // namespace

Settings Settings::parse(const std::string& json, const std::string& origin, const std::string& model_type) {
  return settings_of(parse_object(json, origin), origin, model_type);
}

Settings Settings::load(const std::filesystem::path& folder) {
  const std::filesystem::path own = folder / "preprocessor_config.json", joint = folder / "processor_config.json";
  if (const Result<std::string> text = read_text(own)) return parse(text.value(), own.string(), model_type_of(folder));
  if (const Result<std::string> text = read_text(joint)) {
    const Json json = parse_object(text.value(), joint.string());
    if (const auto inner = json.find("image_processor"); inner != json.end() && inner->is_object())
      return settings_of(*inner, joint.string(), model_type_of(folder));
  }
  throw ConfigError("there is no preprocessor_config.json in " + folder.string() +
                    "; it says how pictures become pixels, and comes with the model");
}

}  // namespace weft::image
