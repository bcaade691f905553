#include "common/models/rotary_config.h"

#include <algorithm>
#include <array>
#include <utility>

namespace weft::models {
namespace {

constexpr std::int64_t kLargestHead = 65536;

using Scaling = nn::RotaryConfig::Scaling;

Scaling scaling_of(const ModelConfig& declared) {
  constexpr std::array<std::pair<std::string_view, Scaling>, 4> kKnown{
      {{"default", Scaling::none}, {"linear", Scaling::linear}, {"llama3", Scaling::llama3}, {"yarn", Scaling::yarn}}};
  const std::string type = declared.text("rope_type", declared.text("type", "default"));
  for (const auto& [name, scaling] : kKnown)
    if (name == type) return scaling;
  declared.fail("the rotary scaling is \"" + type + "\"; supported are default, linear, llama3 and yarn");
}

// Where a checkpoint says it twice, the key beside the scaling's counts.
double original_positions(const ModelConfig& config, const ModelConfig& declared) {
  constexpr const char* kKey = "original_max_position_embeddings";
  for (const ModelConfig* place : {&config, &declared})
    if (place->has(kKey)) return place->positive_number(kKey);
  return static_cast<double>(config.positive("max_position_embeddings"));
}

// A turn count of yarn's, where 0 reads as not declared.
double turns(const ModelConfig& declared, const std::string& key, double fallback) {
  return declared.number(key, 0) == 0 ? fallback : declared.positive_number(key);
}

void read_scaling(const ModelConfig& config, const ModelConfig& declared, nn::RotaryConfig& rotary) {
  rotary.scaling = scaling_of(declared);
  if (rotary.scaling == Scaling::none) return;
  const double positions = static_cast<double>(config.positive("max_position_embeddings"));
  rotary.original_positions = original_positions(config, declared);
  rotary.factor = rotary.scaling == Scaling::yarn && !declared.has("factor") ? positions / rotary.original_positions
                                                                             : declared.positive_number("factor");
  if (rotary.scaling == Scaling::llama3) {
    rotary.low_frequency = declared.positive_number("low_freq_factor");
    rotary.high_frequency = declared.positive_number("high_freq_factor");
  }
  if (rotary.scaling == Scaling::yarn) {
    rotary.beta_fast = turns(declared, "beta_fast", 32);
    rotary.beta_slow = turns(declared, "beta_slow", 1);
    if (declared.has("attention_factor")) rotary.attention_factor = declared.number("attention_factor");
    rotary.mscale = declared.number("mscale", 0);
    rotary.mscale_all_dimensions = declared.number("mscale_all_dim", 0);
    rotary.truncate = declared.flag("truncate", true);
  }
}

}  // namespace

nn::RotaryConfig rotary_config(const ModelConfig& config, std::int64_t head_dim) {
  nn::RotaryConfig rotary;
  if (config.number("partial_rotary_factor", 1) != 1)
    config.fail("\"partial_rotary_factor\" is not 1; this family turns whole heads");
  rotary.rotated = head_dim;
  if (head_dim % 2 != 0) config.fail("the head dimension " + std::to_string(head_dim) + " is odd");
  if (head_dim > kLargestHead) config.fail("the head dimension " + std::to_string(head_dim) + " is above 65536");
  const std::string key = config.has("rope_scaling") ? "rope_scaling" : "rope_parameters";
  rotary.theta = config.positive_number("rope_theta", 10000);
  if (!config.has(key)) return rotary;
  const ModelConfig declared = config.section(key);
  for (const char* kind : {"full_attention", "sliding_attention"})
    if (declared.holds(kind))
      config.fail("\"" + key + "\" has one for each kind of layer; this family has one for all");
  if (declared.number("partial_rotary_factor", 1) != 1)
    config.fail("\"" + key + ".partial_rotary_factor\" is not 1; this family turns whole heads");
  rotary.theta = declared.positive_number("rope_theta", rotary.theta);
  read_scaling(config, declared, rotary);
  return rotary;
}

std::int64_t rotary_positions(const ModelConfig& config, const nn::RotaryConfig& rotary) {
  const std::int64_t declared = config.positive("max_position_embeddings");
  if (rotary.scaling != Scaling::yarn) return declared;
  constexpr double kMost = 1LL << 31;
  return std::max(declared, static_cast<std::int64_t>(std::min(kMost, rotary.factor * rotary.original_positions)));
}

}  // namespace weft::models
