// Foreign text as adapter_config.json: an error or a config that reads back as itself.
#include <cstdlib>

#include "common/checkpoint/peft_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weft::checkpoint;
  const std::string text(data, data + size);
  (void)static_cast<bool>(parse_adapter_facts(text));
  const auto config = parse_peft_config(text);
  if (!config) return 0;
  const auto again = parse_peft_config(peft_config_json(config.value()));
  if (!again || again.value().adapter != config.value().adapter) std::abort();
  return 0;
}
