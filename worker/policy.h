// What a site accepts, from its own file. Nothing that a coordinator says can widen it.
//
//   policy:
//     runs: ["sentiment*"]       # names of runs, * and ? match anything; default: any
//     base_digests: [..]         # base models by digest; default: any that this site holds
//     tasks: [sequence_classification]   # default: any
//     adapter_methods: [lora]            # default: any
//     max_rounds: 1000
//     max_local_steps: 100000    # optimizer steps in one round
//     max_batch_size: 1024       # examples of one step, and ...
//     max_tokens: 8192           # ... tokens of one example: what a run may make this site hold in memory
//     max_parameters: 50000000   # trained values: bounds what one update can carry out
//     max_trainings: 2000        # in one run, begun again ones too; counted on disk
//     max_scorings: 4000         # of adapters that the coordinator chooses, in one run; counted on disk
//     min_examples: 1            # training examples below which this site does not train
//     min_scored: 1              # examples of a split below which it is not scored, and said to be empty: counts
//                                # over few examples come near to single ones
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/yaml_view.h"
#include "common/fl/local_trainer.h"
#include "common/wire/messages.h"
#include "worker/run_counts.h"

namespace weft::worker {

// * matches any run of characters, ? any one; the rest matches itself.
bool glob_matches(std::string_view pattern, std::string_view text);

struct Refusal {
  std::string reason;  // for the site's operator, with the key of the policy to change
  std::string told;    // for the coordinator: nothing of the site but the key and the limit that was met
};

struct Policy {
  std::vector<std::string> runs{"*"};
  std::vector<std::string> base_digests;  // empty: any
  std::vector<std::string> tasks;            // empty: any
  std::vector<std::string> adapter_methods;  // empty: any
  std::int64_t max_rounds = 1000;
  std::int64_t max_local_steps = 100000;
  std::int64_t max_batch_size = 1024;
  std::int64_t max_tokens = 8192;
  std::int64_t max_parameters = 50'000'000;
  std::int64_t max_trainings = 2000;
  std::int64_t max_scorings = 4000;
  std::int64_t min_examples = 1;
  std::int64_t min_scored = 1;

  // Throws ConfigError. An empty map gives the defaults.
  static Policy parse(const YamlView& policy);

  // Why this site will not take part in a run; nullopt when it will.
  // Settings that are not YAML, or lack what the policy limits, are refused too.
  std::optional<Refusal> refusal(const wire::Welcome& welcome) const;
  // The same for what is known only once model and data are loaded.
  std::optional<Refusal> refusal(const fl::SiteFacts& facts) const;
  // The same for one training or scoring more of a run.
  std::optional<Refusal> training_refusal(std::uint32_t round, const RunCounts& so_far) const;
  std::optional<Refusal> scoring_refusal(const RunCounts& so_far) const;
};

}  // namespace weft::worker
