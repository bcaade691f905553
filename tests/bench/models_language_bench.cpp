// SmolLM2-135M: training LoRA r=16 on all linear layers, 4 texts of 256 tokens a step, and greedy generation.
//   models_language_bench [MODEL_FOLDER]              prints one JSON line a figure
//   models_language_bench --serve THREADS [FOLDER]    takes "train STEPS" or "generate TOKENS" a line, answers with
//   JSON
// peak_share is 567 MFLOP a token (the products of a forward pass and of the backward pass of activations) over the
// peak of a large product of the same moment.
#include <ATen/Parallel.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <vector>

#include "common/models/generation.h"

namespace weft::models {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::int64_t kTexts = 4, kLength = 256;
constexpr double kFlopAToken = 567e6;

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

double gemm_peak() {
  const at::Tensor a = at::rand({1024, 1536}), b = at::rand({1536, 1536});
  double best = 1e9;
  for (int i = 0; i < 12; ++i) {
    const auto start = SteadyClock::now();
    at::mm(a, b);
    best = std::min(best, seconds_since(start));
  }
  return 2.0 * 1024 * 1536 * 1536 / best;
}

// Of this program alone: getrusage would count what the process was before it became this program.
double peak_rss_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == "VmHWM:") {
      double kilobytes = 0;
      status >> kilobytes;
      return kilobytes / 1e3;
    }
  return 0;
}

class Trainer {
 public:
  explicit Trainer(const std::filesystem::path& folder)
      : model_(load_model({.folder = folder,
                           .task = TaskKind::causal_lm,
                           .labels = {},
                           .adapter = {.target_modules = {.all_linear = true}, .rank = 16, .alpha = 32}})),
        params_(model_->initial_state(Rng(1)), at::kCPU, true),
        mean_(at::zeros_like(params_.flat())),
        variance_(at::zeros_like(params_.flat())) {
    batch_.tokens.ids_T = at::randint(49152, {kTexts * kLength}, at::kLong);
    batch_.tokens.position_T = at::arange(kTexts * kLength).remainder(kLength);
    std::vector<std::int64_t> rows;
    for (std::int64_t n = 0; n <= kTexts; ++n) batch_.tokens.starts.push_back(n * kLength);
    for (std::int64_t t = 0; t < kTexts * kLength; ++t)
      if ((t + 1) % kLength != 0) rows.push_back(t);
    rows_ = at::tensor(rows, at::kLong);
    targets_ = batch_.tokens.ids_T.index_select(0, rows_.add(1));
  }

  void step() {
    params_.zero_grad();
    const at::Tensor states = model_->language_states(batch_, params_, {}, Rows::chosen(rows_));
    model_->language_losses(states, targets_, params_, {}).mean().backward();
    at::Tensor flat = params_.flat();
    std::vector<at::Tensor> values{flat}, gradients{params_.grad()}, means{mean_}, variances{variance_},
        steps{at::ones({}).mul(static_cast<double>(++steps_))};
    at::_fused_adamw_(values, gradients, means, variances, {}, steps, 1e-4, 0.9, 0.999, 0.01, 1e-8, false, false);
  }

 private:
  std::shared_ptr<const Model> model_;
  nn::Trainable params_;
  at::Tensor mean_, variance_, rows_, targets_;
  Inputs batch_;
  int steps_ = 0;
};

nlohmann::json train(Trainer& trainer, int steps) {
  const double peak = gemm_peak();
  const auto start = SteadyClock::now();
  for (int i = 0; i < steps; ++i) trainer.step();
  const double seconds = seconds_since(start);
  const double rate = static_cast<double>(steps * kTexts * kLength) / seconds;
  return {{"tokens_per_second", rate}, {"peak_share", rate * kFlopAToken / peak}, {"peak_rss_mb", peak_rss_mb()}};
}

nlohmann::json generate_greedily(const std::filesystem::path& folder, std::int64_t tokens) {
  const auto model = load_model({.folder = folder, .task = TaskKind::causal_lm, .labels = {}, .adapter = {}});
  const nn::Trainable params(model->initial_state(Rng(1)), at::kCPU, false);
  const GenerationRequest request{.prompts = {{1, 504, 3575, 282, 4649, 314}}, .max_new_tokens = tokens};
  const auto start = SteadyClock::now();
  const auto text = generate(*model, params, request, Rng(1));
  return {{"tokens_per_second", static_cast<double>(text[0].ids.size()) / seconds_since(start)}};
}

void serve(const std::filesystem::path& folder, int threads) {
  at::set_num_threads(threads);
  std::unique_ptr<Trainer> trainer;
  std::string command;
  int count = 0;
  while (std::cin >> command >> count) {
    if (command == "train") {
      if (!trainer) trainer = std::make_unique<Trainer>(folder);
      std::cout << train(*trainer, count) << std::endl;
    } else {
      std::cout << generate_greedily(folder, count) << std::endl;
    }
  }
}

void print(const std::string& name, const std::string& unit, double value) {
  std::cout << nlohmann::json{{"name", name}, {"value", value}, {"unit", unit}} << std::endl;
}

}  // namespace
}  // namespace weft::models

int main(int argc, char** argv) {
  using namespace weft::models;
  mallopt(M_MMAP_THRESHOLD, 1 << 30);  // as train::keep_freed_memory
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  const std::vector<std::string> words(argv + 1, argv + argc);
  const bool serves = !words.empty() && words[0] == "--serve";
  const std::size_t at = serves ? 2 : 0;
  const std::filesystem::path folder = words.size() > at ? words[at] : ".deps/models/SmolLM2-135M-Instruct";
  if (!std::filesystem::exists(folder / "config.json")) {
    std::cout << folder.string() << " is not there: nothing measured\n";
    return 0;
  }
  if (serves) {
    serve(folder, std::stoi(words[1]));
    return 0;
  }
  print("smollm2_generate", "tokens/s", generate_greedily(folder, 64)["tokens_per_second"]);
  Trainer trainer(folder);
  trainer.step();
  const nlohmann::json figures = train(trainer, 3);
  print("smollm2_lora_train", "tokens/s", figures["tokens_per_second"]);
  print("smollm2_lora_train", "of GEMM peak", figures["peak_share"]);
  print("smollm2_lora_train_rss", "MB", figures["peak_rss_mb"]);
}
