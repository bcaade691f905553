// weft.json.
#include <nlohmann/json.hpp>

#include "common/base/json_depth.h"
#include "common/checkpoint/peft_json.h"

namespace weft::checkpoint {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

std::string adapter_facts_json(const AdapterFacts& facts) {
  const Json json{{"format", 1},
                  {"run", facts.run},
                  {"run_id", facts.run_id},
                  {"version", facts.version},
                  {"labels", facts.labels},
                  {"problem", facts.problem},
                  {"max_tokens", facts.max_tokens},
                  {"base_digest", facts.base_digest},
                  {"adapter_digest", facts.adapter_digest}};
  return json.dump(2) + "\n";
}

Result<AdapterFacts> parse_adapter_facts(const std::string& text) {
  const Json json = Json::parse(shallow_json(text), nullptr, false);
  if (!json.is_object()) return Error{"not a JSON object"};
  if (json.value("format", Json()) != 1)
    return Error{"\"format\" is " + json.value("format", Json()).dump() + ", expected 1"};
  try {
    return AdapterFacts{.run = json.at("run").get<std::string>(),
                        .run_id = json.at("run_id").get<std::string>(),
                        .version = json.at("version").get<std::uint32_t>(),
                        .labels = json.at("labels").get<std::vector<std::string>>(),
                        .problem = json.value("problem", "single_label"),
                        .max_tokens = json.at("max_tokens").get<std::uint64_t>(),
                        .base_digest = json.at("base_digest").get<std::string>(),
                        .adapter_digest = json.at("adapter_digest").get<std::string>()};
  } catch (const Json::exception& error) {
    return Error{error.what()};
  }
}

}  // namespace weft::checkpoint
