// What an honest site says is always allowed; a flood is not, for however long and in however many sessions.
#include "coordinator/budget.h"

#include <gtest/gtest.h>

namespace weft::coordinator {
namespace {

int said_before_the_end(Budget& budget, TimePoint now, double cost = 1) {
  int count = 0;
  while (count < 100'000 && budget.spend(cost, now)) ++count;
  return count;
}

TEST(BudgetTest, AFloodEndsAfterTheAllowanceAndTimeFillsItUp) {
  Budget budget(1);
  TimePoint now{Milliseconds(1'700'000'000'000)};
  EXPECT_EQ(said_before_the_end(budget, now), 200);
  now += Milliseconds(1'000);
  EXPECT_EQ(said_before_the_end(budget, now), 50);
  now += Milliseconds(3'600'000);
  EXPECT_EQ(said_before_the_end(budget, now, Budget::kFetch), 10);
}

TEST(BudgetTest, RoundsWithoutAPauseCostNothing) {
  Budget budget(3);
  const TimePoint now{};
  for (std::uint32_t round = 1; round <= 1'000; ++round) {
    budget.work_was_sent(round, round - 1, now);
    EXPECT_TRUE(budget.spend(Budget::kFetch, now));
    for (int each = 0; each < 3 + 3 + 3; ++each)  // Acks, Chunks; Metrics, Offer and one more
      ASSERT_TRUE(budget.spend(1, now)) << round;
  }
}

TEST(BudgetTest, TheSameWorkInANewSessionGivesNothing) {
  Budget budget(1);
  const TimePoint now{};
  for (int session = 0; session < 100; ++session) budget.work_was_sent(1, 0, now);
  EXPECT_EQ(said_before_the_end(budget, now), 200 + 32 + 4);
}

// One that comes back at once each time it is cut off is let in again as soon as it can do something.
TEST(BudgetTest, ASessionBeginsOnlyWhenThereIsEnoughForIt) {
  Budget budget(1);
  TimePoint now{};
  said_before_the_end(budget, now);
  int milliseconds = 0;
  for (; !budget.begin_session(now); ++milliseconds) now += Milliseconds(1);
  EXPECT_NEAR(milliseconds, 1'200, 2);
  EXPECT_EQ(said_before_the_end(budget, now), 50);
}

TEST(BudgetTest, AWholeBaseModelCostsNothingAndItsListGivesOnlyOnce) {
  Budget budget(1);
  const TimePoint now{};
  budget.base_was_listed(10, now);
  for (int file = 0; file < 4 * 10; ++file) ASSERT_TRUE(budget.spend(Budget::kFetch, now)) << file;
  for (int ack = 0; ack < 100'000; ++ack) {
    ASSERT_TRUE(budget.spend(1, now));
    budget.moved_base_on();
  }
  for (int again = 0; again < 100; ++again) budget.base_was_listed(10, now);
  EXPECT_EQ(said_before_the_end(budget, now), 200);
}

TEST(BudgetTest, WorkDoesNotPileUp) {
  Budget budget(1);
  const TimePoint now{};
  for (std::uint32_t round = 1; round <= 1'000; ++round) budget.work_was_sent(round, round - 1, now);
  EXPECT_EQ(said_before_the_end(budget, now), 200 + 2 * (32 + 4));
}

}  // namespace
}  // namespace weft::coordinator
