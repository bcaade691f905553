#include "common/models/rotary_config.h"

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

void read_scaling(const ModelConfig& config, const ModelConfig& declared, nn::RotaryConfig& rotary) {
  rotary.scaling = scaling_of(declared);
  if (rotary.scaling == Scaling::none) return;
  const double positions = static_cast<double>(config.positive("max_position_embeddings"));
  rotary.original_positions = declared.has("original_max_position_embeddings")
                                  ? declared.positive_number("original_max_position_embeddings")
                                  : config.positive_number("original_max_position_embeddings", positions);
  rotary.factor = rotary.scaling == Scaling::yarn && !declared.has("factor") ? positions / rotary.original_positions
                                                                             : declared.positive_number("factor");
  if (rotary.scaling == Scaling::llama3) {
    rotary.low_frequency = declared.positive_number("low_freq_factor");
    rotary.high_frequency = declared.positive_number("high_freq_factor");
  }
  if (rotary.scaling == Scaling::yarn) {
    rotary.beta_fast = declared.positive_number("beta_fast", 32);
    rotary.beta_slow = declared.positive_number("beta_slow", 1);
    rotary.attention_factor = declared.number("attention_factor", 0);
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
  const bool newer = config.has("rope_parameters");
  const std::string key = newer ? "rope_parameters" : "rope_scaling";
  rotary.theta = config.positive_number("rope_theta", 10000);
  if (!config.has(key)) return rotary;
  const ModelConfig declared = config.section(key);
  if (declared.number("partial_rotary_factor", 1) != 1)
    config.fail("\"" + key + ".partial_rotary_factor\" is not 1; this family turns whole heads");
  rotary.theta = declared.positive_number("rope_theta", rotary.theta);
  read_scaling(config, declared, rotary);
  return rotary;
}

}  // namespace weft::models
