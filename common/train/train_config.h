// The `train` block of a run file: how a site trains in a round.
#pragma once
#include <cstdint>

#include "common/config/yaml_view.h"

namespace weft::train {

enum class Schedule { linear, cosine, constant };
enum class OptimizerKind { adamw, sgd };

struct TrainConfig {
  std::uint64_t local_steps = 20;   // optimizer steps of a site in a round
  std::uint64_t batch_size = 32;    // examples a step; the last batch of an epoch has what is left
  std::uint64_t accumulation = 1;   // micro-batches a step; batch_size is split among them
  std::uint64_t batch_tokens = 0;   // splits further: most tokens in one micro-batch; 0: no limit
  std::uint64_t length_window = 8;  // batches among which examples are sorted by length; 1: no sorting
  OptimizerKind optimizer = OptimizerKind::adamw;
  double learning_rate = 1e-3;
  double lora_plus_ratio = 1;  // LoRA's B factors learn at this times the rate
  Schedule schedule = Schedule::linear;
  double warmup_ratio = 0;                            // part of all steps of all rounds
  double weight_decay = 0;                            // not of biases and norms
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;  // AdamW's
  double clip_norm = 0;                               // 0: no clipping

  // ConfigError for a value out of range. The caller calls finish() on the root.
  static TrainConfig parse(const YamlView& train);
};

}  // namespace weft::train
