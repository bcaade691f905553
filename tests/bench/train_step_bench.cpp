// Training speed of MiniLM with LoRA on the sentiment data: whole optimizer steps, real tokens a second, beside the
// rate of a large fp32 product of the same moment.
//   train_step_bench                    prints JSON lines for 1 and 2 threads
//   train_step_bench --serve THREADS    takes a step count a line and answers with a line, so that
//                                       scripts/bench/train_vs_peft.py can take turns with the reference
#include <ATen/Parallel.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/rand.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "common/data/source.h"
#include "common/train/step_loop.h"
#include "common/train/step_memory.h"

namespace weft::train {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr double kFlopPerToken = 42e6;  // MiniLM with LoRA: forward, and backward of activations
constexpr std::uint64_t kManySteps = 100'000;

const std::filesystem::path kModel = ".deps/models/all-MiniLM-L6-v2", kData = ".deps/data/sentiment";

data::EncodedDataset sentiment() {
  const data::LabelRule rule{
      .column = "rating", .ranges = {{.label = 0, .below = -0.2}, {.label = 1, .above = 0.2}}, .drop_unmapped = true};
  data::Cleaner cleaner({.columns = {"id", "rating", "text"}, .label = rule});
  for (const char* name : {"tweets.tsv", "reviews.tsv", "films.tsv", "editorials.tsv"}) cleaner.add_file(kData / name);
  std::vector<data::Example> examples;
  for (data::Record& record : cleaner.take()) examples.push_back(std::move(record.example));
  return data::encode(text::Tokenizer::load(kModel / "tokenizer.json").value(), examples, 128);
}

// FLOP/s of products the size of the model's largest, so the peak is one that a step could reach.
double gemm_peak() {
  const at::Tensor a = at::rand({1600, 1536}), b = at::rand({1536, 1536});
  double best = 1e9;
  for (int i = 0; i < 8; ++i) {
    const auto start = SteadyClock::now();
    at::mm(a, b);
    best = std::min(best, std::chrono::duration<double>(SteadyClock::now() - start).count());
  }
  return 2.0 * 1600 * 1536 * 1536 / best;
}

class Bench {
 public:
  Bench()
      : data_(sentiment()),
        model_(models::load_classifier(
            {.folder = kModel,
             .labels = {"negative", "positive"},
             .adapter = {.target_modules = {"query", "value"}, .modules_to_save = {"classifier"}}})),
        params_(model_->initial_state(Rng(1)), at::kCPU, true),
        config_{.batch_size = 32, .learning_rate = 5e-4, .clip_norm = 1},
        loop_({.model = model_.get(),
               .data = &data_,
               .config = &config_,
               .rng = Rng(1),
               .site = "bench",
               .total_steps = kManySteps},
              params_) {}

  nlohmann::json turn(std::uint64_t steps) {
    const std::clock_t cpu = std::clock();
    const StepStats stats = loop_.run(done_, steps, {}, {});
    const double cpu_seconds = static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC;
    done_ += steps;
    const auto tokens = static_cast<double>(stats.tokens);
    return {{"tokens_per_second", tokens / stats.seconds},
            {"tokens_per_cpu_second", tokens / cpu_seconds},
            {"gemm_flops", gemm_peak()},
            {"loss", stats.loss}};
  }

 private:
  data::EncodedDataset data_;
  std::shared_ptr<const models::SequenceClassifier> model_;
  nn::Trainable params_;
  TrainConfig config_;
  StepLoop loop_;
  std::uint64_t done_ = 0;
};

void show(const std::string& name, double value, const std::string& unit) {
  std::cout << nlohmann::json{{"name", name}, {"value", value}, {"unit", unit}}.dump() << std::endl;
}

int serve(int threads) {
  at::set_num_threads(threads);
  Bench bench;
  for (std::string line; std::getline(std::cin, line);) std::cout << bench.turn(std::stoull(line)).dump() << std::endl;
  return 0;
}

int measure() {
  Bench bench;
  for (const int threads : {1, 2}) {
    at::set_num_threads(threads);
    bench.turn(5);
    std::vector<double> rates;
    double peak = 0;
    for (int i = 0; i < 5; ++i) {
      const nlohmann::json answer = bench.turn(20);
      rates.push_back(answer.at("tokens_per_second"));
      peak = std::max(peak, answer.at("gemm_flops").get<double>());
    }
    std::sort(rates.begin(), rates.end());
    const std::string name = "train " + std::to_string(threads) + (threads == 1 ? " thread" : " threads");
    show(name, rates[2], "real tokens/s");
    show(name + ", share of fp32 peak", rates[2] * kFlopPerToken / peak, "");
  }
  return 0;
}

}  // namespace
}  // namespace weft::train

int main(int argc, char** argv) {
  if (!std::filesystem::exists(weft::train::kModel / "model.safetensors") ||
      !std::filesystem::exists(weft::train::kData / "tweets.tsv")) {
    std::cerr << "train_step_bench: model or data are not in .deps; run it in the project folder after ./run fetch\n";
    return 1;
  }
  weft::train::keep_freed_memory();
  if (argc == 3 && std::string(argv[1]) == "--serve") return weft::train::serve(std::stoi(argv[2]));
  return weft::train::measure();
}
