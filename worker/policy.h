// What a site accepts, from its own file. Nothing that a coordinator says can widen it.
//
//   policy:
//     runs: ["sentiment*"]       # names of runs, * and ? match anything; default: any
//     base_digests: [..]         # base models by digest; default: any that this site holds
//     tasks: [sequence_classification]
//     adapter_methods: [lora]
//     max_rounds: 1000
//     max_local_steps: 100000    # optimizer steps in one round
//     max_parameters: 50000000   # trained values: bounds what one update can carry out
//     min_examples: 1            # training examples below which this site does not train
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/yaml_view.h"
#include "common/fl/local_trainer.h"
#include "common/wire/messages.h"

namespace weft::worker {

// * matches any run of characters, ? any one; the rest matches itself.
bool glob_matches(std::string_view pattern, std::string_view text);

struct Policy {
  std::vector<std::string> runs{"*"};
  std::vector<std::string> base_digests;  // empty: any
  std::vector<std::string> tasks{"sequence_classification"};
  std::vector<std::string> adapter_methods{"lora"};
  std::int64_t max_rounds = 1000;
  std::int64_t max_local_steps = 100000;
  std::int64_t max_parameters = 50'000'000;
  std::int64_t min_examples = 1;

  // Throws ConfigError. An empty map gives the defaults.
  static Policy parse(const YamlView& policy);

  // Why this site will not take part in a run, with the key of the policy to change; nullopt when it will.
  // Settings that are not YAML, or lack what the policy limits, are refused too.
  std::optional<std::string> refusal(const wire::Welcome& welcome) const;
  // The same for what is known only once model and data are loaded.
  std::optional<std::string> refusal(const fl::SiteFacts& facts) const;
};

}  // namespace weft::worker
