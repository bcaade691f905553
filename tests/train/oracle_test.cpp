// Federated rounds against training without federation, where theory says that they must agree, and where they must
// not. The real tiny BERT, dropout 0; updates go through the coordinator's own fixed-point mean.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "common/fl/fixed_point_mean.h"
#include "common/train/plain_training.h"
#include "common/train/site_trainer.h"
#include "tests/train/train_support.h"

namespace weft::train {
namespace {

using Model = std::shared_ptr<const models::Model>;

enum class Weights { by_examples, uniform };

// One batch is all of a site's data, so a step is a full-batch step.
TrainConfig full_batch_sgd(std::uint64_t local_steps) {
  return {.local_steps = local_steps,
          .batch_size = 1000,
          .optimizer = OptimizerKind::sgd,
          .learning_rate = 0.05,
          .schedule = Schedule::constant};
}

StateDict federated(const Model& model, const std::vector<data::EncodedDataset>& sites, const TrainConfig& config,
                    std::uint32_t rounds, Weights weights = Weights::by_examples) {
  std::vector<SiteTrainer> trainers;
  for (const data::EncodedDataset& site : sites) trainers.push_back(trainer_of(model, site, config, rounds));
  StateDict state = start_state(*model);
  const int bits = fl::fraction_bits({}, sites.size());
  for (std::uint32_t round = 1; round <= rounds; ++round) {
    fl::FixedPointMean mean(state.values.size(), bits);
    for (std::size_t k = 0; k < trainers.size(); ++k) {
      const fl::TrainResult result =
          trainers[k].train({.site = "site-" + std::to_string(k), .round = round, .start = &state}, {}, {});
      mean.add(result.update.values, weights == Weights::uniform ? 1 : result.examples);
    }
    mean.apply_to(state.values);
  }
  return state;
}

StateDict plain(const Model& model, const data::EncodedDataset& data, const TrainConfig& config, std::uint64_t steps) {
  const StateDict start = start_state(*model);
  const auto task = two_classes(model);
  return train_plainly({.task = task.get(),
                        .data = &data,
                        .start = &start,
                        .config = config,
                        .name = "site-0",
                        .steps = steps,
                        .seed = 7})
      .adapter;
}

std::vector<data::EncodedDataset> unequal_sites() { return {toy_data(3, 1), toy_data(7, 2), toy_data(20, 3)}; }

// Oracle 2.
TEST(FedAvgOracleTest, OneFullBatchStepIsThatOfThePooledData) {
  const Model model = tiny_bert();
  const StateDict expected = plain(model, joined(unequal_sites()), full_batch_sgd(1), 1);
  EXPECT_GT(largest_difference(expected, start_state(*model)), 1e-3);
  EXPECT_LT(largest_difference(federated(model, unequal_sites(), full_batch_sgd(1), 1), expected), 1e-6);
  // Negative control: sites weighted alike are seen.
  EXPECT_GT(largest_difference(federated(model, unequal_sites(), full_batch_sgd(1), 1, Weights::uniform), expected),
            1e-4);
}

// Oracle 3. Rounding differences grow along the way, so the bound is wider than for one step.
TEST(FedAvgOracleTest, FiftyRoundsOfOneStepFollowThePooledTrajectory) {
  const Model model = tiny_bert();
  const StateDict expected = plain(model, joined(unequal_sites()), full_batch_sgd(1), 50);
  EXPECT_LT(largest_difference(federated(model, unequal_sites(), full_batch_sgd(1), 50), expected), 1e-5);
  // Negative control: what is averaged are models, not gradients.
  EXPECT_GT(largest_difference(federated(model, unequal_sites(), full_batch_sgd(2), 25), expected), 1e-4);
}

// Oracle 1: x + (y - x) may round once, and the fixed-point mean rounds to its last bit.
TEST(FedAvgOracleTest, OneSiteIsPlainTrainingToOneUlp) {
  const Model model = tiny_bert({.adapter_dropout = 0.1, .base_dropout = 0.1});
  const StateDict start = start_state(*model);
  const float last_bit = std::ldexp(1.0F, -fl::fraction_bits({}, 1));
  for (const OptimizerKind optimizer : {OptimizerKind::adamw, OptimizerKind::sgd}) {
    const TrainConfig config{.local_steps = 5, .batch_size = 8, .optimizer = optimizer, .warmup_ratio = 0.2};
    const StateDict ours = federated(model, {toy_data(30, 4)}, config, 1);
    const StateDict expected = plain(model, toy_data(30, 4), config, 5);
    for (std::size_t i = 0; i < ours.values.size(); ++i) {
      const float largest = std::max(std::abs(start.values[i]), std::abs(expected.values[i]));
      const float ulp = std::nextafter(largest, std::numeric_limits<float>::infinity()) - largest;
      ASSERT_LE(std::abs(ours.values[i] - expected.values[i]), ulp + last_bit) << "value " << i;
    }
  }
}

// Oracle 28: SGD has no state, so rounds of one site are plain training; AdamW's state starts anew each round, so they
// must not be.
TEST(FedAvgOracleTest, AdamStateDoesNotLeakAcrossRounds) {
  const Model model = tiny_bert();
  const data::EncodedDataset data = toy_data(30, 4);
  TrainConfig config{.local_steps = 5, .batch_size = 8, .optimizer = OptimizerKind::sgd};
  EXPECT_LT(largest_difference(federated(model, {data}, config, 2), plain(model, data, config, 10)), 1e-6);
  config.optimizer = OptimizerKind::adamw;
  EXPECT_GT(largest_difference(federated(model, {data}, config, 2), plain(model, data, config, 10)), 1e-4);
}

// Oracle 11: neither the order of sites nor a site in two halves with the same update matters.
TEST(FedAvgOracleTest, TheOrderOfSitesChangesNoBit) {
  const Model model = tiny_bert();
  const StateDict start = start_state(*model);
  std::vector<fl::TrainResult> results;
  for (const data::EncodedDataset& site : unequal_sites()) {
    SiteTrainer trainer = trainer_of(model, site, full_batch_sgd(2));
    results.push_back(trainer.train({.site = "a", .round = 1, .start = &start}, {}, {}));
  }
  const auto mean_of = [&](const std::vector<std::size_t>& order) {
    fl::FixedPointMean mean(start.values.size(), fl::fraction_bits({}, 3));
    for (const std::size_t k : order) mean.add(results[k].update.values, results[k].examples);
    StateDict state = start;
    mean.apply_to(state.values);
    return state.digest();
  };
  EXPECT_EQ(mean_of({0, 1, 2}), mean_of({2, 0, 1}));
  EXPECT_NE(mean_of({0, 1, 2}), mean_of({0, 1}));
}

}  // namespace
}  // namespace weft::train
