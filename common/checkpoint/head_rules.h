// What transformers calls a base model of each family once it carries a classification head.
#pragma once
#include <span>
#include <string_view>
#include <vector>

namespace weft::checkpoint {

struct HeadRule {
  std::string_view model_type;            // in config.json
  std::string_view architecture;          // of the model with the head
  std::string_view prefix;                // put before the bare encoder's names
  std::vector<std::string_view> heads;    // modules beside the encoder, which get no prefix
  std::vector<std::string_view> dropped;  // prefixes of pretraining heads that the classifier does not have
};

std::span<const HeadRule> head_rules();

}  // namespace weft::checkpoint
