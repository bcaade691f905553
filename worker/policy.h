// What a site accepts, from its own file. Nothing that a coordinator says can widen it.
//
//   policy:
//     runs: ["sentiment*"]       # names of runs, * and ? match anything; default: any
//     base_digests: [..]         # base models by digest; default: any that this site holds or fetches
//     tasks: [sequence_classification]   # default: any
//     adapter_methods: [lora]            # default: any
//     max_rounds: 1000
//     max_local_steps: 100000    # optimizer steps in one round
//     max_batch_size: 1024       # examples of one step, and ...
//     max_tokens: 8192           # ... tokens of one example: what a run may make this site hold in memory
//     max_parameters: 50000000   # trained values: bounds what one update can carry out
//     max_trainings: 2000        # begun again ones too, and ...
//     max_scorings: 4000         # ... scorings of adapters that the coordinator chooses: both counted on disk, by the
//                                # coordinator's certificate and the run's name (run_counts.h). `runs` bounds the names
//     min_examples: 1            # training examples below which this site does not train; of causal_lm: sequences of
//                                # max_tokens, of which a long document makes several
//     min_scored: 20             # examples of a split below which it is not scored, and said to be empty: counts
//                                # over few examples come near to single ones
//     score_train: false         # whether the training split may be scored too. A run needs no such score, and how
//     much
//                                # better an adapter does on its training examples is how they are told from others
//                                # (Yeom et al. 2018, "Privacy risk in machine learning", arXiv:1709.01604)
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
  std::vector<std::string> base_digests;     // empty: any
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
  std::int64_t min_scored = 20;
  bool score_train = false;

  // Throws ConfigError. An empty map gives the defaults.
  static Policy parse(const YamlView& policy);

  // Why this site will not take part in a run; nullopt when it will.
  // Settings that are not YAML, or lack what the policy limits, are refused too.
  std::optional<Refusal> refusal(const wire::Welcome& welcome) const;
  // The same for what is known only once model and data are loaded.
  std::optional<Refusal> refusal(const fl::SiteFacts& facts) const;
  // The same for one training or scoring more of a run.
  std::optional<Refusal> training_refusal(std::uint32_t round, const RunCounts& so_far) const;
  std::optional<Refusal> steps_refusal(std::uint32_t local_steps) const;  // of a single training
  std::optional<Refusal> scoring_refusal(const RunCounts& so_far) const;
  // Whether a split of so many examples is scored at all; else it is answered as an empty one is.
  bool may_score(const std::string& split, std::uint64_t examples) const {
    return examples >= static_cast<std::uint64_t>(min_scored) && (score_train || split != "train");
  }
};

}  // namespace weft::worker
