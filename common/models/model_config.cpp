// config.json with typed look-ups.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "common/base/file.h"
#include "common/base/json_depth.h"
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
  if (value.is_structured()) return std::string("an ") + value.type_name();
  const std::string text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return text.size() > 60 ? text.substr(0, 60) + "..." : text;
}

}  // namespace

ModelConfig::ModelConfig(const std::filesystem::path& file) : file_(file), json_(std::make_unique<Json>()) {
  const Result<std::string> text = read_text(file);
  if (!text) throw ConfigError(text.error().message + ". model.path must be a Hugging Face folder");
  json_->root = nlohmann::json::parse(shallow_json(text.value()), nullptr, false);
  if (!json_->root.is_object()) throw ConfigError(file_.string() + ": not a JSON object. Fetch the model again");
}
ModelConfig::ModelConfig(std::filesystem::path file, std::unique_ptr<Json> json, std::string prefix)
    : file_(std::move(file)), json_(std::move(json)), prefix_(std::move(prefix)) {}
ModelConfig::~ModelConfig() = default;
ModelConfig::ModelConfig(ModelConfig&&) noexcept = default;

void ModelConfig::fail(const std::string& problem) const { throw ConfigError(file_.string() + ": " + problem); }

std::int64_t ModelConfig::positive(const std::string& key) const {
  const nlohmann::json* value = find(json_->root, key);
  if (value == nullptr) fail("\"" + prefix_ + key + "\" is missing; expected a whole number");
  if (!value->is_number_integer() || value->get<std::int64_t>() <= 0 || value->get<std::int64_t>() > (1LL << 31))
    fail("\"" + prefix_ + key + "\" is " + shown(*value) + "; expected a whole number from 1 to 2^31");
  return value->get<std::int64_t>();
}

std::int64_t ModelConfig::count(const std::string& key, std::int64_t fallback) const {
  const nlohmann::json* value = find(json_->root, key);
  if (value == nullptr) return fallback;
  if (!value->is_number_integer() || value->get<std::int64_t>() < 0 || value->get<std::int64_t>() > (1LL << 31))
    fail("\"" + key + "\" is " + shown(*value) + "; expected a whole number from 0 to 2^31");
  return value->get<std::int64_t>();
}

nn::Activation ModelConfig::activation(const std::string& key, std::optional<std::string> fallback) const {
  const std::string name = text(key, std::move(fallback));
  const std::optional<nn::Activation> found = nn::activation_of(name);
  if (!found)
    fail("\"" + key + "\" is \"" + name + "\"; known: gelu, gelu_new, gelu_pytorch_tanh, quick_gelu, relu, silu");
  return *found;
}

double ModelConfig::number(const std::string& key, std::optional<double> fallback) const {
  const nlohmann::json* value = find(json_->root, key);
  if (value == nullptr && fallback) return *fallback;
  if (value == nullptr) fail("\"" + prefix_ + key + "\" is missing; expected a number");
  if (!value->is_number()) fail("\"" + prefix_ + key + "\" is " + shown(*value) + "; expected a number");
  return value->get<double>();
}

double ModelConfig::positive_number(const std::string& key, std::optional<double> fallback) const {
  const double value = number(key, fallback);
  if (!std::isfinite(value) || value <= 0)
    fail("\"" + prefix_ + key + "\" is " + std::to_string(value) + "; expected a finite number above 0");
  return value;
}

double ModelConfig::probability(const std::string& key, std::optional<double> fallback) const {
  const double value = number(key, fallback);
  if (!(value >= 0 && value < 1))
    fail("\"" + prefix_ + key + "\" is " + std::to_string(value) + "; expected 0 <= p < 1");
  return value;
}

std::string ModelConfig::text(const std::string& key, std::optional<std::string> fallback) const {
  const nlohmann::json* value = find(json_->root, key);
  if (value == nullptr && fallback) return *fallback;
  if (value == nullptr) fail("\"" + prefix_ + key + "\" is missing; expected a text");
  if (!value->is_string()) fail("\"" + prefix_ + key + "\" is " + shown(*value) + "; expected a text");
  return value->get<std::string>();
}

bool ModelConfig::holds(const std::string& key) const { return json_->root.contains(key); }
bool ModelConfig::has(const std::string& key) const { return find(json_->root, key) != nullptr; }

bool ModelConfig::flag(const std::string& key, bool fallback) const {
  const nlohmann::json* value = find(json_->root, key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) fail("\"" + prefix_ + key + "\" is " + shown(*value) + "; expected true or false");
  return value->get<bool>();
}

std::int64_t ModelConfig::positive_or(const std::string& key, std::int64_t fallback) const {
  return has(key) ? positive(key) : fallback;
}

std::int64_t ModelConfig::layers(const std::string& key, std::int64_t fallback) const {
  constexpr std::int64_t kMost = 4096;
  const std::int64_t count = fallback > 0 ? positive_or(key, fallback) : positive(key);
  if (count > kMost)
    fail("\"" + prefix_ + key + "\" is " + std::to_string(count) + "; expected 1 to " + std::to_string(kMost) +
         " layers");
  return count;
}

std::vector<std::string> ModelConfig::texts(const std::string& key) const {
  const nlohmann::json* value = find(json_->root, key);
  std::vector<std::string> found;
  if (value == nullptr) return found;
  const auto is_text = [](const nlohmann::json& entry) { return entry.is_string(); };
  if (!value->is_array() || !std::all_of(value->begin(), value->end(), is_text))
    fail("\"" + prefix_ + key + "\" is " + shown(*value) + "; expected a list of texts");
  for (const nlohmann::json& entry : *value) found.push_back(entry.get<std::string>());
  return found;
}

ModelConfig ModelConfig::section(const std::string& key) const {
  const nlohmann::json* value = find(json_->root, key);
  if (value == nullptr || !value->is_object())
    fail("\"" + prefix_ + key + "\" is " + (value == nullptr ? "missing" : shown(*value)) + "; expected an object");
  return {file_, std::make_unique<Json>(Json{*value}), prefix_ + key + "."};
}

}  // namespace weft::models
