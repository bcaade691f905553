// Training of MiniLM with LoRA on the sentiment data, as the training benchmarks measure it: whole optimizer steps of
// 32 texts with the checkpoint's dropout, on any device, beside the rate of a large fp32 product of the same moment.
#pragma once
#include <ATen/ops/mm.h>
#include <ATen/ops/rand.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/data/source.h"
#include "common/train/step_loop.h"

namespace weft::train {

inline constexpr double kFlopPerToken = 42e6;  // MiniLM with LoRA: forward, and backward of activations

inline const std::filesystem::path kModel = ".deps/models/all-MiniLM-L6-v2", kData = ".deps/data/sentiment";

// Says so when model or data are not there.
inline bool assets_are_here(const char* program) {
  if (std::filesystem::exists(kModel / "model.safetensors") && std::filesystem::exists(kData / "tweets.tsv"))
    return true;
  std::cerr << program << ": model or data are not in .deps; run it in the project folder after ./run fetch\n";
  return false;
}

inline data::EncodedDataset sentiment() {
  const data::LabelRule rule{
      .column = "rating", .ranges = {{.label = 0, .below = -0.2}, {.label = 1, .above = 0.2}}, .drop_unmapped = true};
  data::Cleaner cleaner({.columns = {"id", "rating", "text"}, .label = rule});
  for (const char* name : {"tweets.tsv", "reviews.tsv", "films.tsv", "editorials.tsv"}) cleaner.add_file(kData / name);
  std::vector<data::Example> examples;
  for (data::Record& record : cleaner.take()) examples.push_back(std::move(record.example));
  const auto tokenizer = text::Tokenizer::load(kModel / "tokenizer.json").value();
  return data::encode({.max_tokens = 128}, {.tokenizer = &tokenizer}, examples);
}

// FLOP/s of products the size of the model's largest, so the peak is one that a step could reach.
inline double gemm_peak(at::Device device) {
  using SteadyClock = std::chrono::steady_clock;
  constexpr int kProducts = 8;
  const at::Tensor a = at::rand({1600, 1536}, device), b = at::rand({1536, 1536}, device);
  double best = 1e9;
  for (int i = 0; i < 8; ++i) {
    const auto start = SteadyClock::now();
    at::Tensor c;
    for (int product = 0; product < kProducts; ++product) c = at::mm(a, b);
    c[0][0].item<float>();  // waits for the device
    best = std::min(best, std::chrono::duration<double>(SteadyClock::now() - start).count() / kProducts);
  }
  return 2.0 * 1600 * 1536 * 1536 / best;
}

class SentimentTraining {
 public:
  explicit SentimentTraining(at::Device device)
      : device_(device),
        data_(sentiment()),
        model_(models::load_model({.folder = kModel,
                                   .labels = {"negative", "positive"},
                                   .adapter = {.target_modules = {.names = {"query", "value"}}},
                                   .device = device})),
        task_(make_task({.labels = {"negative", "positive"}}, model_)),
        params_(model_->initial_state(Rng(1)), device, true),
        config_{.batch_size = 32, .learning_rate = 5e-4, .clip_norm = 1},
        loop_({.task = task_.get(),
               .data = &data_,
               .config = &config_,
               .rng = Rng(1),
               .site = "bench",
               .total_steps = 100'000},
              params_) {}

  nlohmann::json turn(std::uint64_t steps) {
    const std::clock_t cpu = std::clock();
    const StepStats stats = loop_.run(done_, steps, {}, {});
    const double cpu_seconds = static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC;
    done_ += steps;
    const auto tokens = static_cast<double>(stats.tokens);
    return {{"tokens_per_second", tokens / stats.seconds},
            {"tokens_per_cpu_second", tokens / cpu_seconds},
            {"gemm_flops", gemm_peak(device_)},
            {"loss", stats.loss}};
  }

  // The median of five turns as two lines of JSON: real tokens a second, and the share of the fp32 peak.
  void show_rate(const std::string& name, std::uint64_t steps) {
    turn(5);
    std::vector<double> rates;
    double peak = 0;
    for (int i = 0; i < 5; ++i) {
      const nlohmann::json answer = turn(steps);
      rates.push_back(answer.at("tokens_per_second"));
      peak = std::max(peak, answer.at("gemm_flops").get<double>());
    }
    std::sort(rates.begin(), rates.end());
    show(name, rates[2], "real tokens/s");
    show(name + ", share of fp32 peak", rates[2] * kFlopPerToken / peak, "");
  }

 private:
  static void show(const std::string& name, double value, const std::string& unit) {
    std::cout << nlohmann::json{{"name", name}, {"value", value}, {"unit", unit}}.dump() << std::endl;
  }

  at::Device device_;
  data::EncodedDataset data_;
  std::shared_ptr<const models::Model> model_;
  std::shared_ptr<const Task> task_;
  nn::Trainable params_;
  TrainConfig config_;
  StepLoop loop_;
  std::uint64_t done_ = 0;
};

}  // namespace weft::train
