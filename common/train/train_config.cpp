// Ranges of the `train` block.
#include "common/train/train_config.h"

#include <array>

namespace weft::train {
namespace {

std::uint64_t count(const YamlView& view, const std::string& key, std::uint64_t fallback, double min) {
  // The upper limit keeps products of counts exact in 64 bits, and a slip of the keyboard from running for ever.
  return static_cast<std::uint64_t>(view.integer(key, static_cast<std::int64_t>(fallback), {.min = min, .max = 1e9}));
}

std::array<double, 2> betas(const YamlView& view, const TrainConfig& defaults) {
  const std::vector<double> values = view.numbers("betas", std::vector<double>{defaults.beta1, defaults.beta2});
  if (values.size() != 2) view.fail("betas", "expected two numbers, got " + std::to_string(values.size()));
  for (const double value : values)
    if (!(value >= 0 && value < 1)) view.fail("betas", "got " + std::to_string(value) + ", expected each in [0, 1)");
  return {values[0], values[1]};
}

Schedule schedule_of(const std::string& name) {
  return name == "linear" ? Schedule::linear : name == "cosine" ? Schedule::cosine : Schedule::constant;
}

}  // namespace

TrainConfig TrainConfig::parse(const YamlView& train) {
  const TrainConfig defaults;
  TrainConfig config;
  config.local_steps = count(train, "local_steps", defaults.local_steps, 1);
  config.batch_size = count(train, "batch_size", defaults.batch_size, 1);
  config.accumulation = count(train, "accumulation", defaults.accumulation, 1);
  if (config.accumulation > config.batch_size)
    train.fail("accumulation", "got " + std::to_string(config.accumulation) + ", more micro-batches than batch_size (" +
                                   std::to_string(config.batch_size) + ") has examples; lower it");
  config.batch_tokens = count(train, "batch_tokens", defaults.batch_tokens, 0);
  config.length_window = count(train, "length_window", defaults.length_window, 1);
  config.optimizer =
      train.choice("optimizer", {"adamw", "sgd"}, "adamw") == "sgd" ? OptimizerKind::sgd : OptimizerKind::adamw;
  config.learning_rate =
      train.number("learning_rate", defaults.learning_rate, {.min = 0, .max = 1e3, .exclusive_min = true});
  config.lora_plus_ratio =
      train.number("lora_plus_ratio", defaults.lora_plus_ratio, {.min = 0, .max = 1e4, .exclusive_min = true});
  config.schedule = schedule_of(train.choice("schedule", {"linear", "cosine", "constant"}, "linear"));
  config.warmup_ratio =
      train.number("warmup_ratio", defaults.warmup_ratio, {.min = 0, .max = 1, .exclusive_max = true});
  config.weight_decay = train.number("weight_decay", defaults.weight_decay, {.min = 0, .max = 1e3});
  const auto [beta1, beta2] = betas(train, defaults);
  config.beta1 = beta1;
  config.beta2 = beta2;
  config.epsilon = train.number("epsilon", defaults.epsilon, {.min = 0, .max = 1, .exclusive_min = true});
  config.clip_norm = train.number("clip_norm", defaults.clip_norm, {.min = 0});
  return config;
}

}  // namespace weft::train
