// config.json with typed look-ups.
#include <nlohmann/json.hpp>

#include "common/base/file.h"
#include "common/base/result.h"
#include "common/models/checkpoint.h"

namespace weft::models {

struct ModelConfig::Json {
  nlohmann::json root;
};

namespace {

// Absent and null are the same in these files.
const nlohmann::json* find(const nlohmann::json& root, const std::string& key) {
  const auto at = root.find(key);
  return at == root.end() || at->is_null() ? nullptr : &*at;
}

std::string shown(const nlohmann::json& value) {
  const std::string text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return text.size() > 60 ? text.substr(0, 60) + "..." : text;
}

}  // namespace

ModelConfig::ModelConfig(const std::filesystem::path& file) : file_(file), json_(std::make_unique<Json>()) {
  const Result<std::string> text = read_text(file);
  if (!text) throw ConfigError(text.error().message + ". model.path must be a Hugging Face folder");
  json_->root = nlohmann::json::parse(text.value(), nullptr, false);
  if (!json_->root.is_object()) throw ConfigError(file_.string() + ": not a JSON object. Fetch the model again");
}
ModelConfig::~ModelConfig() = default;
ModelConfig::ModelConfig(ModelConfig&&) noexcept = default;

void ModelConfig::fail(const std::string& problem) const { throw ConfigError(file_.string() + ": " + problem); }

std::int64_t ModelConfig::positive(const std::string& key) const {
  const nlohmann::json* value = find(json_->root, key);
  if (value == nullptr) fail("\"" + key + "\" is missing; expected a whole number");
  if (!value->is_number_integer() || value->get<std::int64_t>() <= 0 || value->get<std::int64_t>() > (1LL << 31))
    fail("\"" + key + "\" is " + shown(*value) + "; expected a whole number from 1 to 2^31");
  return value->get<std::int64_t>();
}

double ModelConfig::number(const std::string& key, std::optional<double> fallback) const {
  const nlohmann::json* value = find(json_->root, key);
  if (value == nullptr && fallback) return *fallback;
  if (value == nullptr) fail("\"" + key + "\" is missing; expected a number");
  if (!value->is_number()) fail("\"" + key + "\" is " + shown(*value) + "; expected a number");
  return value->get<double>();
}

double ModelConfig::probability(const std::string& key, std::optional<double> fallback) const {
  const double value = number(key, fallback);
  if (!(value >= 0 && value < 1)) fail("\"" + key + "\" is " + std::to_string(value) + "; expected 0 <= p < 1");
  return value;
}

std::string ModelConfig::text(const std::string& key, std::optional<std::string> fallback) const {
  const nlohmann::json* value = find(json_->root, key);
  if (value == nullptr && fallback) return *fallback;
  if (value == nullptr) fail("\"" + key + "\" is missing; expected a text");
  if (!value->is_string()) fail("\"" + key + "\" is " + shown(*value) + "; expected a text");
  return value->get<std::string>();
}

}  // namespace weft::models
