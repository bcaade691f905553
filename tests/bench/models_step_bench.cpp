// Speed of one training step of BERT with LoRA on realistic text lengths, beside the GEMM peak of the same run.
//   models_step_bench [MODEL_FOLDER] [STEPS] [THREADS...]      prints one JSON line a case
// gflops counts the products that the step needs (what packing and the last layer leave out is not counted); share is
// that over the peak of a large product, or with the usual 42 MFLOP a token over it ("share_usual").
#include <ATen/Parallel.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <vector>

#include "common/models/model.h"

namespace weft::models {
namespace {

using SteadyClock = std::chrono::steady_clock;

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + std::ssize(values) / 2, values.end());
  return values[values.size() / 2];
}

// Products the size of the model's largest, so the peak is one that a step could reach.
double gemm_peak() {
  const at::Tensor a = at::rand({1600, 1536}), b = at::rand({1536, 1536});
  std::vector<double> times;
  for (int i = 0; i < 12; ++i) {
    const auto start = SteadyClock::now();
    at::mm(a, b);
    times.push_back(seconds_since(start));
  }
  return 2.0 * 1600 * 1536 * 1536 / *std::min_element(times.begin(), times.end()) / 1e9;
}

// 32 texts of about 25 tokens: log-normal lengths from 4 to 128, as in the sentiment data.
nn::Packed batch_of(RngStream& rng, std::int64_t vocabulary) {
  nn::Packed batch;
  batch.starts.push_back(0);
  std::vector<std::int64_t> positions;
  for (int n = 0; n < 32; ++n) {
    const auto length = static_cast<std::int64_t>(std::clamp(std::exp(3.04 + 0.58 * rng.normal()), 4.0, 128.0));
    for (std::int64_t i = 0; i < length; ++i) positions.push_back(i);
    batch.starts.push_back(batch.starts.back() + length);
  }
  batch.ids_T = at::randint(vocabulary, {batch.starts.back()}, at::kLong);
  batch.type_ids_T = at::zeros_like(batch.ids_T);
  batch.position_T = at::tensor(positions, at::kLong);
  return batch;
}

// Products of one step, forward and backward of activations, for the MiniLM shapes: multiply-adds times two.
double step_flops(const nn::Packed& batch) {
  constexpr double kD = 384, kInner = 1536, kLayers = 6;
  const auto tokens = static_cast<double>(batch.starts.back()), rows = static_cast<double>(batch.sequences());
  const double after = kD * kD + 2 * kD * kInner;  // attention output and feed-forward
  const double full = 3 * kD * kD + after;
  double forward = (kLayers - 1) * full * tokens + 2 * kD * kD * tokens + (kD * kD + after) * rows;
  double backward = forward - 3 * kD * kD * tokens;  // nothing trainable below the first projections
  return 2 * (forward + backward);
}

void run(const std::filesystem::path& folder, double dropout, int threads, int steps) {
  at::set_num_threads(threads);
  const auto model = load_model({.folder = folder,
                                 .labels = {"negative", "positive"},
                                 .adapter = {.target_modules = {.names = {"query", "value"}}},
                                 .base_dropout = dropout});
  nn::Trainable params(model->initial_state(Rng(1)), at::kCPU, true);
  const at::Tensor labels = at::randint(2, {32}, at::kLong);
  RngStream lengths = Rng(5).stream("lengths"), rng = Rng(5).stream("dropout");
  std::vector<double> rates, works, forward_shares;
  const double peak = gemm_peak();
  for (int step = 0; step < steps; ++step) {
    const nn::Packed batch = batch_of(lengths, 30522);
    const auto start = SteadyClock::now();
    params.zero_grad();
    const at::Tensor loss = at::cross_entropy_loss(model->sequence_logits({batch, {}}, params, {&rng}), labels);
    const double forward = seconds_since(start);
    loss.backward();
    const double seconds = seconds_since(start);
    if (step < 3) continue;
    rates.push_back(static_cast<double>(batch.starts.back()) / seconds);
    works.push_back(step_flops(batch) / seconds / 1e9);
    forward_shares.push_back(forward / seconds);
  }
  const double best = std::max(peak, gemm_peak()), rate = median(rates), work = median(works);
  std::cout << nlohmann::json{{"bench", "models_step"},
                              {"threads", threads},
                              {"dropout", dropout},
                              {"tokens_per_second", std::round(rate)},
                              {"gflops", std::round(work)},
                              {"gemm_peak", std::round(best)},
                              {"share", work / best},
                              {"share_usual", rate * 42.5e-3 / best},
                              {"forward_share", median(forward_shares)}}
                   .dump()
            << std::endl;
}

}  // namespace
}  // namespace weft::models

int main(int argc, char** argv) {
  const std::filesystem::path folder = argc > 1 ? argv[1] : ".deps/models/all-MiniLM-L6-v2";
  const int steps = argc > 2 ? std::atoi(argv[2]) : 30;
  std::vector<int> threads;
  for (int i = 3; i < argc; ++i) threads.push_back(std::atoi(argv[i]));
  if (threads.empty()) threads = {1, 2};
  for (const int count : threads)
    for (const double dropout : {0.1, 0.0}) weft::models::run(folder, dropout, count, steps);
}
