// How fast are updates averaged? One thread, updates of 20 MB as they lie in memory: checking, adding and applying, in
// GB/s of update. Prints one JSON line.
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

template <class Action>
double gigabytes_per_second(const Action& action) {
  double best = 1e9;
  for (int i = 0; i < kRepeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    action();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return kParameters * sizeof(float) / best / 1e9;
}

}  // namespace

int main() {
  using namespace weft::fl;
  const AggregationConfig limits;
  std::vector<float> update(kParameters), adapter(kParameters, 0.5F);
  for (std::size_t i = 0; i < kParameters; ++i) update[i] = 1e-6F * static_cast<float>(i % 1000);
  FixedPointMean mean(kParameters, fraction_bits(limits, 64));
  bool admitted = true;
  const double check = gigabytes_per_second([&] { admitted &= !refusal(NormSum(update), {}, limits).has_value(); });
  const double add = gigabytes_per_second([&] { mean.add(update, 1234); });
  const double apply = gigabytes_per_second([&] { mean.apply_to(adapter); });
  std::cout << nlohmann::json{{"bench", "fl_mean"},      {"megabytes", kParameters * sizeof(float) / 1e6},
                              {"check_gb_per_s", check}, {"add_gb_per_s", add},
                              {"apply_gb_per_s", apply}, {"admitted", admitted}}
                   .dump()
            << '\n';
}
