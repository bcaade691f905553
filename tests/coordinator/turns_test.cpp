#include "coordinator/turns.h"

#include <gtest/gtest.h>

namespace weft::coordinator {
namespace {

constexpr Milliseconds kStall{1000};
const SiteId a{"a"}, b{"b"}, c{"c"};

std::string text(const Turns::Changes& changes) {
  std::string text;
  for (const auto& change : changes) text += (change.granted ? "+" : "-") + change.site.name;
  return text;
}

TimePoint at(int milliseconds) { return TimePoint(Milliseconds(milliseconds)); }

TEST(TurnsTest, PlacesAreGivenFirstComeFirstServed) {
  Turns turns(1, kStall);
  EXPECT_EQ(text(turns.request(b, at(0))), "+b");
  EXPECT_EQ(text(turns.request(c, at(0))), "");
  EXPECT_EQ(text(turns.request(a, at(0))), "");
  EXPECT_EQ(text(turns.request(c, at(0))), "") << "asking again gives no second place in the queue";
  EXPECT_EQ(text(turns.release(b, at(1))), "+c");
  EXPECT_EQ(text(turns.release(c, at(1))), "+a");
  EXPECT_EQ(text(turns.release(a, at(1))), "");
}

TEST(TurnsTest, NoMorePlacesThanThereAre) {
  Turns turns(2, kStall);
  EXPECT_EQ(text(turns.request(a, at(0))), "+a");
  EXPECT_EQ(text(turns.request(b, at(0))), "+b");
  EXPECT_EQ(text(turns.request(c, at(0))), "");
  EXPECT_EQ(turns.waiting(), 1U);
}

TEST(TurnsTest, WhoMovesNothingLosesItsPlaceToOneThatWaits) {
  Turns turns(1, kStall);
  turns.request(a, at(0));
  EXPECT_EQ(turns.wake_at(), TimePoint::max()) << "nobody waits";
  EXPECT_EQ(text(turns.tick(at(5000))), "");
  turns.moved(a, at(5000));
  EXPECT_EQ(text(turns.request(b, at(5100))), "");
  EXPECT_EQ(turns.wake_at(), at(6000));
  EXPECT_EQ(text(turns.tick(at(5999))), "");
  EXPECT_EQ(text(turns.tick(at(6000))), "-a+b");
  EXPECT_FALSE(turns.holds(a));
  EXPECT_EQ(text(turns.release(b, at(6001))), "+a") << "it went to the end of the queue";
}

TEST(TurnsTest, MovingKeepsThePlace) {
  Turns turns(1, kStall);
  turns.request(a, at(0));
  turns.request(b, at(0));
  turns.moved(a, at(900));
  EXPECT_EQ(text(turns.tick(at(1000))), "");
  EXPECT_EQ(text(turns.tick(at(1900))), "-a+b");
}

TEST(TurnsTest, WhoMovesSlowlyTakesTurnsWithTheOthers) {
  Turns turns(1, kStall, 2 * kStall);
  turns.request(a, at(0));
  turns.request(b, at(0));
  for (int time = 0; time < 2000; time += 500) {
    turns.moved(a, at(time));
    turns.request(a, at(time));  // to ask for what it has gives it no more of it
    EXPECT_EQ(text(turns.tick(at(time))), "");
  }
  EXPECT_EQ(turns.wake_at(), at(2000));
  EXPECT_EQ(text(turns.tick(at(2000))), "-a+b");
  EXPECT_EQ(text(turns.tick(at(3000))), "-b+a");
}

TEST(TurnsTest, AnAbsentHolderKeepsItsPlaceOnlyWhileNobodyWaits) {
  Turns turns(1, kStall);
  turns.request(a, at(0));
  EXPECT_EQ(text(turns.away(a, at(1))), "");
  EXPECT_TRUE(turns.holds(a));
  EXPECT_EQ(text(turns.request(a, at(2))), "+a") << "it came back and goes on";
  EXPECT_EQ(text(turns.away(a, at(3))), "");
  EXPECT_EQ(text(turns.request(b, at(4))), "-a+b");
  EXPECT_EQ(text(turns.release(b, at(5))), "") << "it is absent, so it does not wait either";
}

TEST(TurnsTest, OneThatGoesAwayWhileOthersWaitLosesItsPlaceAtOnce) {
  Turns turns(1, kStall);
  turns.request(a, at(0));
  turns.request(b, at(0));
  turns.request(c, at(0));
  turns.away(b, at(1));
  EXPECT_EQ(text(turns.away(a, at(2))), "-a+c");
}

}  // namespace
}  // namespace weft::coordinator
