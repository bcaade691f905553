// The `adapter` block of a run file.
#include "common/models/classifier.h"

namespace weft::models {

AdapterConfig AdapterConfig::parse(const YamlView& adapter) {
  AdapterConfig config;
  adapter.choice("method", {"lora"}, "lora");
  config.rank = adapter.integer("rank", 8, {.min = 1, .max = 4096});
  config.alpha = adapter.number("alpha", 16, {.min = 0, .exclusive_min = true});
  config.dropout = adapter.number("dropout", 0, {.min = 0, .max = 1, .exclusive_max = true});
  config.target_modules = adapter.texts("target_modules");
  config.modules_to_save = adapter.texts("modules_to_save", std::vector<std::string>{"classifier"});
  if (config.target_modules.empty()) adapter.fail("target_modules", "is empty; name at least one, such as query");
  return config;
}

}  // namespace weft::models
