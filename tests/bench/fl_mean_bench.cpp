// How fast are updates averaged, beside what this machine's memory gives? One thread, updates of 20 MB as they lie in
// memory: checking, adding and applying, each in GB/s of update and as a share of the memory bandwidth that a plain
// loop of the same kind of traffic reaches in this run; then a round of eight sites as a whole. Prints JSON lines.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <vector>

#include "common/fl/admission.h"
#include "common/fl/fixed_point_mean.h"

namespace {

constexpr std::size_t kParameters = 5'000'000;
constexpr int kRepeats = 15;
constexpr int kSites = 8;

// Of the fastest time.
template <class Action>
double calls_per_second(const Action& action) {
  double best = 1e9;
  for (int i = 0; i < kRepeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    action();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return 1 / best;
}

struct Part {
  const char* name;
  double calls;          // a second
  double bytes_a_value;  // that must be read and written
};

}  // namespace

int main() {
  using namespace weft::fl;
  const AggregationConfig limits;
  std::vector<float> update(kParameters), adapter(kParameters, 0.5F);
  for (std::size_t i = 0; i < kParameters; ++i) update[i] = 1e-6F * static_cast<float>(i % 1000);
  FixedPointMean mean(kParameters, fraction_bits(limits, 64));
  bool admitted = true;
  const Part parts[] = {
      {"check", calls_per_second([&] { admitted &= !refusal(NormSum(update), {}, limits).has_value(); }), 4},
      {"add", calls_per_second([&] { mean.add(update, 1234); }), 4 + 8 + 8},
      {"apply", calls_per_second([&] { mean.apply_to(adapter); }), 8 + 4 + 4}};
  // The traffic of an addition, and next to no arithmetic.
  std::vector<double> sums(kParameters);
  const double bandwidth = calls_per_second([&] {
                             for (std::size_t i = 0; i < kParameters; ++i) sums[i] += static_cast<double>(update[i]);
                           }) *
                           kParameters * (4 + 8 + 8) / 1e9;
  const auto print = [](const std::string& name, double value, const char* unit, const nlohmann::json& more = {}) {
    nlohmann::json line{{"name", name}, {"value", value}, {"unit", unit}};
    if (more.is_object()) line.update(more);
    std::cout << line << '\n';
  };
  print("memory_bandwidth", bandwidth, "GB/s");
  double seconds = 0, bytes = 0;  // of a round: each update is checked and added, then all of them applied once
  for (const Part& part : parts) {
    const int times = std::string_view(part.name) == "apply" ? 1 : kSites;
    const double traffic = kParameters * part.bytes_a_value;
    seconds += times / part.calls;
    bytes += times * traffic;
    print(std::string("aggregation.") + part.name, part.calls * kParameters * sizeof(float) / 1e9, "GB/s of update");
    print(std::string("aggregation.") + part.name + ".of_bandwidth", part.calls * traffic / 1e9 / bandwidth, "ratio");
  }
  print("aggregation.of_bandwidth", bytes / seconds / 1e9 / bandwidth, "ratio", {{"target", 0.6}});
  return admitted && sums[1] >= 0 ? 0 : 1;
}
