// What each step trains on: complete epochs, whatever was asked before, batches of like length.
#include "common/train/batch_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "tests/train/train_support.h"

namespace weft::train {
namespace {

using testing::ElementsAre;

std::vector<std::uint32_t> lengths_of(const data::EncodedDataset& data) {
  std::vector<std::uint32_t> lengths;
  for (std::size_t i = 0; i < data.size(); ++i) lengths.push_back(static_cast<std::uint32_t>(data.length(i)));
  return lengths;
}

BatchPlan plan_of(const data::EncodedDataset& data, std::uint64_t batch, std::uint64_t window, std::uint64_t seed = 1,
                  const std::string& site = "a") {
  return BatchPlan(lengths_of(data), {.batch_size = batch, .length_window = window}, Rng(seed), site);
}

std::vector<Indices> batches(BatchPlan plan, std::uint64_t count) {
  std::vector<Indices> all;
  for (std::uint64_t step = 0; step < count; ++step) all.push_back(plan.batch(step));
  return all;
}

TEST(BatchPlanTest, EveryExampleComesOnceAnEpoch) {
  for (const std::size_t count : {1U, 7U, 32U, 33U, 100U, 257U})
    for (const std::uint64_t window : {1U, 8U}) {
      const data::EncodedDataset data = toy_data(count, 3);
      BatchPlan plan = plan_of(data, 8, window);
      for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
        std::multiset<std::uint32_t> seen;
        for (std::uint64_t i = 0; i < plan.batches_per_epoch(); ++i) {
          const Indices& batch = plan.batch(epoch * plan.batches_per_epoch() + i);
          EXPECT_LE(batch.size(), 8U);
          EXPECT_FALSE(batch.empty());
          seen.insert(batch.begin(), batch.end());
        }
        std::multiset<std::uint32_t> expected;
        for (std::uint32_t i = 0; i < count; ++i) expected.insert(i);
        EXPECT_EQ(seen, expected) << count << " examples, window " << window;
      }
    }
}

TEST(BatchPlanTest, AStepDoesNotDependOnTheStepsBefore) {
  const data::EncodedDataset data = toy_data(50, 3);
  const std::vector<Indices> forwards = batches(plan_of(data, 8, 2), 30);
  BatchPlan plan = plan_of(data, 8, 2);
  for (std::uint64_t step = 30; step-- > 0;) EXPECT_EQ(plan.batch(step), forwards[step]) << step;
}

TEST(BatchPlanTest, SeedSiteAndEpochChangeTheOrder) {
  const data::EncodedDataset data = toy_data(64, 3);
  const std::vector<Indices> two_epochs = batches(plan_of(data, 8, 2), 16);
  const std::vector<Indices> first(two_epochs.begin(), two_epochs.begin() + 8);
  EXPECT_NE(first, std::vector<Indices>(two_epochs.begin() + 8, two_epochs.end()));
  EXPECT_NE(first, batches(plan_of(data, 8, 2, 2), 8));
  EXPECT_NE(first, batches(plan_of(data, 8, 2, 1, "b"), 8));
}

std::size_t padding(const data::EncodedDataset& data, const std::vector<Indices>& all) {
  std::size_t sum = 0;
  for (const Indices& batch : all)
    for (const std::uint32_t example : batch) sum += data.length(batch.back()) - data.length(example);
  return sum;
}

TEST(BatchPlanTest, AWindowGathersLikeLengthsButDoesNotOrderTheEpoch) {
  const data::EncodedDataset data = toy_data(512, 3);
  const std::vector<Indices> grouped = batches(plan_of(data, 8, 8), 64), shuffled = batches(plan_of(data, 8, 1), 64);
  EXPECT_LT(padding(data, grouped), padding(data, shuffled) / 3);
  const auto longest = [&](const Indices& batch) { return data.length(batch.back()); };
  std::size_t falls = 0;
  for (std::size_t i = 1; i < grouped.size(); ++i) falls += longest(grouped[i]) < longest(grouped[i - 1]) ? 1 : 0;
  EXPECT_GT(falls, 16U);
  for (const Indices& batch : grouped)
    EXPECT_TRUE(
        std::is_sorted(batch.begin(), batch.end(), [&](auto a, auto b) { return data.length(a) < data.length(b); }));
}

std::vector<Indices> split(const std::vector<std::uint32_t>& lengths, std::uint64_t parts, std::uint64_t max_tokens) {
  Indices batch(lengths.size());
  std::iota(batch.begin(), batch.end(), 0U);
  std::vector<Indices> result;
  for (const auto part : micro_batches(lengths, batch, parts, max_tokens))
    result.emplace_back(part.begin(), part.end());
  return result;
}

TEST(MicroBatchesTest, SplitByCountThenByTokens) {
  EXPECT_THAT(split({3, 3, 3, 3, 3}, 1, 0), ElementsAre(Indices{0, 1, 2, 3, 4}));
  EXPECT_THAT(split({3, 3, 3, 3, 3}, 2, 0), ElementsAre(Indices{0, 1}, Indices{2, 3, 4}));
  EXPECT_THAT(split({3, 3}, 4, 0), ElementsAre(Indices{0}, Indices{1}));
  EXPECT_THAT(split({3, 3, 3, 3, 3}, 1, 6), ElementsAre(Indices{0, 1}, Indices{2, 3}, Indices{4}));
  EXPECT_THAT(split({3, 3, 3, 3, 3}, 2, 6), ElementsAre(Indices{0, 1}, Indices{2, 3}, Indices{4}));
  EXPECT_THAT(split({2, 9, 1, 8}, 1, 4), ElementsAre(Indices{0}, Indices{1}, Indices{2}, Indices{3}));
}

}  // namespace
}  // namespace weft::train
