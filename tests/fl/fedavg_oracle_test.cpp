// FedAvg against training on all data in one place. Low-rank least squares: y ≈ x·(W + s·B·A)ᵀ with W frozen; one
// full-batch step of plain gradient descent at each site, averaged by example count, is the centralised step.
// O 5 out features · I 7 in features · R rank 2; B starts away from zero, the sites have 3, 7 and 20 examples.
#include <gtest/gtest.h>

#include <cmath>

#include "common/base/rng.h"
#include "common/fl/fixed_point_mean.h"

namespace weft::fl {
namespace {

constexpr std::size_t kO = 5, kI = 7, kR = 2, kA = kR * kI, kB = kO * kR;
constexpr double kScale = 1.5, kRate = 0.02;

using Doubles = std::vector<double>;
using Floats = std::vector<float>;

struct Data {
  std::vector<Doubles> x, y;
};

Doubles normals(RngStream& stream, std::size_t count, double deviation) {
  Doubles values(count);
  for (double& value : values) value = deviation * stream.normal();
  return values;
}

struct Problem {
  Doubles w_OI;
  Floats start;  // A_RI, then B_OR
  std::vector<Data> sites;
  Data pooled;
};

Problem make_problem() {
  RngStream stream = Rng(17).stream("problem");
  Problem problem{.w_OI = normals(stream, kO * kI, 0.5)};
  for (const double value : normals(stream, kA + kB, 0.4)) problem.start.push_back(static_cast<float>(value));
  for (const int n : {3, 7, 20}) {
    Data data;
    const Doubles shift = normals(stream, kO, 1);  // each site has another truth
    for (int i = 0; i < n; ++i) {
      data.x.push_back(normals(stream, kI, 1));
      data.y.push_back(normals(stream, kO, 0.5));
      for (std::size_t o = 0; o < kO; ++o) data.y.back()[o] += shift[o];
    }
    problem.pooled.x.insert(problem.pooled.x.end(), data.x.begin(), data.x.end());
    problem.pooled.y.insert(problem.pooled.y.end(), data.y.begin(), data.y.end());
    problem.sites.push_back(std::move(data));
  }
  return problem;
}

// Gradient of the mean over examples of half the squared error.
Doubles gradient(const Doubles& w_OI, const Doubles& adapter, const Data& data, double scale) {
  const double *a_RI = adapter.data(), *b_OR = adapter.data() + kA;
  Doubles result(kA + kB);
  for (std::size_t n = 0; n < data.x.size(); ++n) {
    const Doubles& x = data.x[n];
    Doubles h_R(kR), back_R(kR), error_O(kO);
    for (std::size_t r = 0; r < kR; ++r)
      for (std::size_t i = 0; i < kI; ++i) h_R[r] += a_RI[r * kI + i] * x[i];
    for (std::size_t o = 0; o < kO; ++o) {
      error_O[o] = -data.y[n][o];
      for (std::size_t i = 0; i < kI; ++i) error_O[o] += w_OI[o * kI + i] * x[i];
      for (std::size_t r = 0; r < kR; ++r) error_O[o] += scale * b_OR[o * kR + r] * h_R[r];
    }
    const double share = scale / static_cast<double>(data.x.size());
    for (std::size_t o = 0; o < kO; ++o)
      for (std::size_t r = 0; r < kR; ++r) {
        result[kA + o * kR + r] += share * error_O[o] * h_R[r];
        back_R[r] += share * error_O[o] * b_OR[o * kR + r];
      }
    for (std::size_t r = 0; r < kR; ++r)
      for (std::size_t i = 0; i < kI; ++i) result[r * kI + i] += back_R[r] * x[i];
  }
  return result;
}

Doubles descend(const Doubles& w_OI, Doubles adapter, const Data& data, int steps, double scale = kScale) {
  for (int step = 0; step < steps; ++step) {
    const Doubles slope = gradient(w_OI, adapter, data, scale);
    for (std::size_t i = 0; i < adapter.size(); ++i) adapter[i] -= kRate * slope[i];
  }
  return adapter;
}

enum class Fault { none, uniform_weights, weighted_twice, forgets_b, scale_twice };

void federated_round(const Problem& problem, Floats& adapter, int local_steps, Fault fault) {
  FixedPointMean mean(adapter.size(), fraction_bits({.max_update_norm = 10, .max_examples = 100}, 3));
  const Doubles start(adapter.begin(), adapter.end());
  for (const Data& data : problem.sites) {
    const double scale = fault == Fault::scale_twice ? kScale * kScale : kScale;
    const Doubles trained = descend(problem.w_OI, start, data, local_steps, scale);
    const std::size_t n = data.x.size();
    const double share =
        fault == Fault::weighted_twice ? static_cast<double>(n) / static_cast<double>(problem.pooled.x.size()) : 1;
    Floats update(adapter.size());
    for (std::size_t i = 0; i < update.size(); ++i)
      update[i] = static_cast<float>(share * (trained[i] - start[i]) * (fault == Fault::forgets_b && i >= kA ? 0 : 1));
    mean.add(update, fault == Fault::uniform_weights ? 1 : n);
  }
  mean.apply_to(adapter);
}

// Largest difference between the federated and the centralised adapter after any of the rounds.
double largest_gap(int rounds, int local_steps, Fault fault = Fault::none) {
  const Problem problem = make_problem();
  Floats federated = problem.start;
  Doubles central(problem.start.begin(), problem.start.end());
  double gap = 0;
  for (int round = 0; round < rounds; ++round) {
    federated_round(problem, federated, local_steps, fault);
    central = descend(problem.w_OI, std::move(central), problem.pooled, local_steps);
    for (std::size_t i = 0; i < central.size(); ++i) gap = std::max(gap, std::abs(federated[i] - central[i]));
  }
  return gap;
}

TEST(FedAvgOracleTest, TheGradientIsThatOfTheLoss) {
  const Problem problem = make_problem();
  const auto loss = [&](const Doubles& adapter) {
    double sum = 0;
    for (std::size_t n = 0; n < problem.pooled.x.size(); ++n)
      for (std::size_t o = 0; o < kO; ++o) {
        double error = -problem.pooled.y[n][o];
        for (std::size_t i = 0; i < kI; ++i) {
          double w = problem.w_OI[o * kI + i];
          for (std::size_t r = 0; r < kR; ++r) w += kScale * adapter[kA + o * kR + r] * adapter[r * kI + i];
          error += w * problem.pooled.x[n][i];
        }
        sum += error * error / 2;
      }
    return sum / static_cast<double>(problem.pooled.x.size());
  };
  const Doubles start(problem.start.begin(), problem.start.end());
  const Doubles slope = gradient(problem.w_OI, start, problem.pooled, kScale);
  for (std::size_t i = 0; i < start.size(); ++i) {
    Doubles up = start, down = start;
    up[i] += 1e-5;
    down[i] -= 1e-5;
    EXPECT_NEAR(slope[i], (loss(up) - loss(down)) / 2e-5, 1e-7) << i;
  }
}

TEST(FedAvgOracleTest, OneStepOfEachSiteIsTheCentralisedStep) { EXPECT_LT(largest_gap(1, 1), 1e-7); }

TEST(FedAvgOracleTest, FiftyRoundsKeepToTheCentralisedPath) { EXPECT_LT(largest_gap(50, 1), 1e-6); }

TEST(FedAvgOracleTest, TwoLocalStepsLeaveTheCentralisedPath) {
  EXPECT_GT(largest_gap(1, 2), 1e-4);
  EXPECT_GT(largest_gap(50, 2), 1e-3);
}

TEST(FedAvgOracleTest, FaultsAreSeen) {
  for (const Fault fault : {Fault::uniform_weights, Fault::weighted_twice, Fault::forgets_b, Fault::scale_twice})
    EXPECT_GT(largest_gap(1, 1, fault), 1e-4) << static_cast<int>(fault);
}

}  // namespace
}  // namespace weft::fl
