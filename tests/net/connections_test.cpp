// Which connections must go, under a clock of the test's own.
#include "common/net/connections.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::net {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr ConnectionLimits kLimits{
    .max_unverified = 3, .handshake_timeout = Milliseconds(1'000), .unverified_bytes = 100, .verified_bytes = 1'000};
TimePoint at(int milliseconds) { return TimePoint{Milliseconds(milliseconds)}; }

struct Traffic {
  std::map<int, std::uint64_t> received;
  std::uint64_t operator()(int fd) const { return received.contains(fd) ? received.at(fd) : 0; }
};

TEST(ConnectionsTest, WhoDoesNotShowWhoItIsInTimeGoes) {
  Connections connections(kLimits);
  connections.accepted(5, "a", at(0));
  connections.accepted(6, "a", at(500));
  connections.verified(connections.id_of(6));
  EXPECT_THAT(connections.due(at(999), Traffic()), IsEmpty());
  EXPECT_EQ(connections.wake_at(), at(1'000));
  EXPECT_THAT(connections.due(at(1'000), Traffic()), ElementsAre(5));
  EXPECT_THAT(connections.due(at(100'000), Traffic()), IsEmpty()) << "who is verified may stay, and who went is gone";
}

TEST(ConnectionsTest, TheOldestStrangerOfTheAddressWithMostGoesWhenTheyAreTooMany) {
  Connections connections(kLimits);
  EXPECT_EQ(connections.accepted(3, "honest", at(0)), std::nullopt);
  EXPECT_EQ(connections.accepted(8, "flood", at(1)), std::nullopt);
  EXPECT_EQ(connections.accepted(7, "flood", at(1)), std::nullopt);
  EXPECT_EQ(connections.accepted(6, "flood", at(1)), 8);
  EXPECT_EQ(connections.accepted(5, "flood", at(1)), 7);
  connections.verified(connections.id_of(3));
  EXPECT_EQ(connections.unverified(), 2U);
  EXPECT_EQ(connections.accepted(4, "flood", at(1)), std::nullopt) << "sites are not counted";
}

TEST(ConnectionsTest, OfEqualCrowdsTheOneWithTheOldestConnectionGivesWay) {
  Connections connections(kLimits);
  connections.accepted(3, "z", at(0));
  connections.accepted(4, "y", at(1));
  connections.accepted(5, "x", at(2));
  EXPECT_EQ(connections.accepted(6, "a", at(3)), 3) << "whoever has just come has not had its time";
  EXPECT_EQ(connections.accepted(7, "b", at(4)), 4);
}

TEST(ConnectionsTest, WhileNobodyTakesWhatComesOnlyFloodsAreEnded) {
  Connections connections(kLimits);
  connections.accepted(5, "a", at(0));
  connections.accepted(6, "b", at(0));
  const Traffic traffic{{{5, 100}, {6, 101}}};
  EXPECT_THAT(connections.flooding(traffic), ElementsAre(6)) << "and nobody for the time that has passed";
  EXPECT_EQ(connections.unverified(), 1U);
  EXPECT_THAT(connections.due(at(1'000), traffic), ElementsAre(5));
}

TEST(ConnectionsTest, BytesThatNeverBecomeAMessageEndTheConnection) {
  Connections connections(kLimits);
  connections.accepted(5, "a", at(0));
  connections.accepted(6, "b", at(0));
  connections.verified(connections.id_of(6));
  Traffic traffic{{{5, 100}, {6, 900}}};
  EXPECT_THAT(connections.due(at(100), traffic), IsEmpty());
  connections.delivered(connections.id_of(5), 40);
  connections.delivered(connections.id_of(6), 400);
  traffic.received = {{5, 140}, {6, 1'400}};
  EXPECT_THAT(connections.due(at(200), traffic), IsEmpty());
  traffic.received = {{5, 141}, {6, 1'400}};
  EXPECT_THAT(connections.due(at(300), traffic), ElementsAre(5));
  traffic.received = {{6, 1'401}};
  EXPECT_THAT(connections.due(at(1'300), traffic), ElementsAre(6));
}

TEST(ConnectionsTest, ADescriptorThatIsUsedAgainIsAnotherConnection) {
  Connections connections(kLimits);
  connections.accepted(5, "a", at(0));
  const Connections::Id first = connections.id_of(5);
  connections.lost(5);
  EXPECT_EQ(connections.wake_at(), TimePoint::max());
  connections.accepted(5, "b", at(10));
  connections.end_by(first, at(20));
  EXPECT_THAT(connections.due(at(500), Traffic()), IsEmpty());
  connections.verified(first);
  EXPECT_THAT(connections.due(at(1'010), Traffic()), ElementsAre(5));
}

TEST(ConnectionsTest, AnEndedConnectionHasUntilThenToGoByItself) {
  Connections connections(kLimits);
  connections.accepted(5, "a", at(0));
  connections.verified(connections.id_of(5));
  connections.end_by(connections.id_of(5), at(50));
  EXPECT_EQ(connections.wake_at(), at(50));
  EXPECT_THAT(connections.due(at(50), Traffic()), ElementsAre(5));
  EXPECT_EQ(connections.wake_at(), TimePoint::max());
}

}  // namespace
}  // namespace weft::net
