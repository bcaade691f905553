// The median of each coordinate by the plain definition, in any order of arrival and by any windows.
#include "common/fl/coordinate_median.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace weft::fl {
namespace {

using testing::ElementsAre;
using Updates = std::vector<std::vector<float>>;

std::unique_ptr<ScratchFile> scratch() { return scratch_file(testing::TempDir()).value(); }

// What is added to zeros.
std::vector<float> median_of(const Updates& updates, std::size_t window = 1'000'000) {
  const std::size_t size = updates.front().size();
  CoordinateMedian median({}, {.parameters = size, .scratch = scratch});
  for (const auto& update : updates)
    for (std::size_t at = 0; at < size; at += window)
      median.add_window(at, std::span(update).subspan(at, std::min(window, size - at)), {.examples = 1});
  std::vector<float> values(size, 0.0F);
  for (std::size_t at = 0; at < size; at += window)
    median.apply_window(at, std::span(values).subspan(at, std::min(window, size - at)));
  return values;
}

// By sorting whole columns, as numpy.median does.
std::vector<float> oracle(const Updates& updates) {
  std::vector<float> result;
  for (std::size_t i = 0; i < updates.front().size(); ++i) {
    std::vector<double> column;
    for (const auto& update : updates) column.push_back(update[i]);
    std::sort(column.begin(), column.end());
    const std::size_t half = column.size() / 2;
    result.push_back(static_cast<float>(column.size() % 2 == 1 ? column[half] : (column[half - 1] + column[half]) / 2));
  }
  return result;
}

Updates random_updates(std::size_t sites, std::size_t size) {
  std::mt19937 random(static_cast<std::uint32_t>(sites));
  std::normal_distribution<float> normal(0, 1);
  Updates updates(sites, std::vector<float>(size));
  for (auto& update : updates)
    for (float& value : update) value = normal(random);
  return updates;
}

TEST(CoordinateMedianTest, OneFarOffSiteOfFiveMovesNothing) {
  EXPECT_THAT(median_of({{0, 0}, {1, 0}, {0, 1}, {1, 1}, {10, 10}}), ElementsAre(1, 1));
  EXPECT_THAT(median_of({{0, 0}, {1, 0}, {0, 1}, {1, 1}, {1e30F, -1e30F}}), ElementsAre(1, 0));
}

TEST(CoordinateMedianTest, IsTheMeanOfTheMiddleTwoOfAnEvenNumber) {
  EXPECT_THAT(median_of({{3}, {-1}, {100}, {2}}), ElementsAre(2.5F));
  const float largest = std::numeric_limits<float>::max();
  EXPECT_THAT(median_of({{largest}, {largest}}), ElementsAre(largest)) << "their sum is beyond a float";
}

TEST(CoordinateMedianTest, IsWhatSortingSaysHoweverUpdatesAreCut) {
  for (const std::size_t sites : {1U, 2U, 3U, 6U, 7U, 64U}) {
    const Updates updates = random_updates(sites, 257);
    const std::vector<float> expected = oracle(updates);
    for (const std::size_t window : {1U, 100U, 257U, 1000U}) EXPECT_EQ(median_of(updates, window), expected) << sites;
  }
}

TEST(CoordinateMedianTest, HasTheSameBitsInAnyOrderOfArrival) {
  Updates updates = random_updates(6, 100);
  for (std::size_t k = 0; k < updates.size(); ++k) updates[k][0] = k % 2 == 0 ? 0.0F : -0.0F;
  std::vector<float> start(100, -0.0F), first;
  std::mt19937 random(1);
  for (int turn = 0; turn < 20; ++turn) {
    CoordinateMedian median({}, {.parameters = 100, .scratch = scratch});
    for (const auto& update : updates) median.add(update, {.examples = 7});
    std::vector<float> values = start;
    median.apply_to(values);
    if (first.empty()) first = values;
    EXPECT_EQ(as_text(bytes_of(std::span<const float>(values))), as_text(bytes_of(std::span<const float>(first))));
    std::shuffle(updates.begin(), updates.end(), random);
  }
}

// More of them than the budget holds at once, so that several ranges are read.
TEST(CoordinateMedianTest, WorksByRangesOfCoordinates) {
  const std::size_t size = 3 * kMedianBytes / sizeof(float) / 2;
  CoordinateMedian median({}, {.parameters = size, .scratch = scratch});
  std::vector<float> update(size);
  for (const float scale : {3.0F, 1.0F, 2.0F}) {
    for (std::size_t i = 0; i < size; ++i) update[i] = scale * static_cast<float>(i % 1000);
    median.add(update, {.examples = 1});
  }
  std::vector<float> values(size, 1.0F);
  median.apply_to(values);
  for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(values[i], 1.0F + 2.0F * static_cast<float>(i % 1000)) << i;
}

TEST(CoordinateMedianTest, BeginsAnewWhenItIsCleared) {
  CoordinateMedian median({}, {.parameters = 2, .scratch = scratch});
  median.add(std::vector<float>{5, 5}, {.examples = 3});
  median.clear();
  EXPECT_EQ(median.count(), 0U);
  EXPECT_EQ(median.examples(), 0U);
  median.add(std::vector<float>{1, 2}, {.examples = 4});
  std::vector<float> values = {1, 1};
  median.apply_to(values);
  EXPECT_THAT(values, ElementsAre(2, 3));
}

}  // namespace
}  // namespace weft::fl
