// adapter_config.json and weft.json as text.
#pragma once
#include <string>

#include "common/checkpoint/peft_folder.h"

namespace weft::checkpoint {

std::string peft_config_json(const PeftConfig& config);
// Errors name the key, what was found and what is expected, not the file.
Result<PeftConfig> parse_peft_config(const std::string& json);

std::string adapter_facts_json(const AdapterFacts& facts);
Result<AdapterFacts> parse_adapter_facts(const std::string& json);

}  // namespace weft::checkpoint
