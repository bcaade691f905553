// Rounds that take the first, rounds that take late updates, buffered rounds, and runs whose sites change.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/fl/cohort.h"
#include "tests/fl/round_support.h"

namespace weft::fl {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Milliseconds kDeadline{1000};

// All of `letters` are ready.
Script begun(RoundsConfig config, const std::string& letters, const History& history = {}) {
  config.deadline = kDeadline;
  Script run(config, letters, history);
  run.start();
  for (const SiteId& site : sites_named(letters)) run.ready(site.name);
  return run;
}

TEST(OverSelectionTest, ARoundClosesWhenAsManyAsItWantsAreThrough) {
  Script run = begun({.count = 2, .fraction = 0.5, .over_selection = 1.5}, "abcd");  // wants two of three
  const auto asked = choose_cohort({.fraction = 0.5, .over_selection = 1.5}, sites_named("abcd"), {}, Rng(1), 1).sites;
  ASSERT_EQ(asked.size(), 3U);
  const std::string first = asked[2].name, second = asked[0].name, last = asked[1].name;
  run.score(last, 0);
  run.admit(first, 1);
  EXPECT_THAT(run.admit(second, 1), IsEmpty()) << "their scores are still to come";
  EXPECT_EQ(run.fate(last, 1), "later") << "two are in, more are not wanted unless a crash opens the round anew";
  EXPECT_THAT(run.admit(last, 1), IsEmpty());
  run.score(first, 0);
  EXPECT_THAT(run.score(second, 0), ElementsAre("commit 1: " + second + " " + first + "; scores " + names(asked)));
  EXPECT_EQ(run.fate(last, 1), "later") << "it is not durable yet";
  run.durable(1);
  EXPECT_EQ(run.fate(last, 1), "late");
}

TEST(OverSelectionTest, AtTheDeadlineTheQuorumIsOfThoseWanted) {
  Script run = begun({.count = 1, .fraction = 0.5, .over_selection = 2, .quorum = 0.5}, "abcd");
  run.through("c", 1);
  EXPECT_THAT(run.tick(kDeadline), ElementsAre("commit 1: c; scores c"));
}

TEST(LateTest, AnUpdateThatMissedItsRoundIsCountedInALaterOne) {
  Script run = begun({.count = 5, .quorum = 0.5, .max_staleness = 2}, "abc");
  run.through("a", 1);
  run.through("b", 1);
  EXPECT_THAT(run.tick(kDeadline), ElementsAre("commit 1: a b; scores a b; keep 0"));
  EXPECT_THAT(run.durable(1), ElementsAre("begin 2: a b c; at work c", "ask a: train 2 from 1, score validation",
                                          "ask b: train 2 from 1, score validation"))
      << "c is left to its work";
  EXPECT_EQ(run.fate("c", 1), "taken");
  EXPECT_EQ(run.fate("a", 1), "late") << "it was counted";
  EXPECT_THAT(run.ready("c"), ElementsAre("ask c: train 1 from 0")) << "it came back, and goes on";
  EXPECT_THAT(run.admit("c", 1), ElementsAre("ask c: with 1, score validation"));
  EXPECT_EQ(run.fate("c", 1), "late");
  EXPECT_EQ(run.fate("c", 2), "later") << "one update of a site in a round";
  run.through("a", 2);
  EXPECT_THAT(run.through("b", 2), ElementsAre("commit 2: a b c; scores a b")) << "c's score is not waited for";
  EXPECT_THAT(run.durable(2),
              ElementsAre("begin 3: a b c", "ask a: train 3 from 2, score validation",
                          "ask b: train 3 from 2, score validation", "ask c: train 3 from 2, score validation"));
  EXPECT_EQ(run.fate("c", 2), "taken");
  EXPECT_EQ(run.fate("c", 1), "late");
}

TEST(LateTest, WhoIsTooFarBehindIsAskedAnew) {
  Script run = begun({.count = 5, .quorum = 0.5, .max_staleness = 1}, "ab");
  run.through("a", 1);
  run.tick(kDeadline);
  EXPECT_EQ(run.durable(1).front(), "begin 2: a b; at work b");
  run.through("a", 2);
  EXPECT_THAT(run.tick(kDeadline), ElementsAre("commit 2: a; scores a")) << "version 0 is of no more use";
  EXPECT_EQ(run.fate("b", 1), "later");
  EXPECT_THAT(run.durable(2), ElementsAre("begin 3: a b", "ask a: train 3 from 2, score validation",
                                          "ask b: train 3 from 2, score validation"));
  EXPECT_EQ(run.fate("b", 1), "late");
}

TEST(LateTest, ALateUpdateOfASiteThatIsNotAskedComesOnTop) {
  const RoundsConfig config{.count = 9, .fraction = 0.5, .quorum = 0.5, .max_staleness = 8};
  Script run = begun(config, "abcd");
  const auto first = draw_cohort(sites_named("abcd"), 0.5, Rng(1), 1);
  std::uint32_t round = 1;
  const std::string slow = first[1].name;
  run.through(first[0].name, 1);
  run.tick(kDeadline);
  run.durable(1);
  // Until a round that does not ask the slow one.
  for (round = 2;; ++round) {
    const auto cohort = draw_cohort(sites_named("abcd"), 0.5, Rng(1), round);
    if (std::find(cohort.begin(), cohort.end(), SiteId{slow}) == cohort.end()) {
      run.through(cohort[0].name, round);
      EXPECT_EQ(run.fate(slow, 1), "taken");
      EXPECT_THAT(run.admit(slow, 1), IsEmpty());
      auto counted = cohort;
      counted.push_back({slow});
      std::sort(counted.begin(), counted.end());
      EXPECT_THAT(run.through(cohort[1].name, round),
                  ElementsAre("commit " + std::to_string(round) + ": " + names(counted) + "; scores " + names(cohort)));
      return;
    }
    run.through(cohort[0].name == slow ? cohort[1].name : cohort[0].name, round);
    run.tick(kDeadline);
    run.durable(round);
  }
}

RoundsConfig buffered(std::uint32_t buffer, std::uint32_t concurrency = 0, std::uint32_t max_staleness = 5) {
  return {.mode = RoundsConfig::Mode::buffered,
          .count = 9,
          .max_staleness = max_staleness,
          .buffer = buffer,
          .concurrency = concurrency};
}

TEST(BufferedTest, CommitsAfterSoManyUpdatesAndLetsTheOthersWorkOn) {
  Script run = begun(buffered(2), "abc");
  run.through("a", 1);
  EXPECT_THAT(run.ready("a"), IsEmpty()) << "from one version a site trains once";
  EXPECT_THAT(run.through("b", 1), ElementsAre("commit 1: a b; scores a b; keep 0"));
  EXPECT_THAT(run.durable(1), ElementsAre("begin 2: a b c; at work c", "ask a: train 2 from 1, score validation",
                                          "ask b: train 2 from 1, score validation"));
  EXPECT_THAT(run.admit("c", 1), ElementsAre("ask c: train 2 from 1, score validation")) << "the newest, at once";
  EXPECT_EQ(run.fate("c", 2), "later") << "a site counts once in a round";
  EXPECT_THAT(run.through("a", 2), ElementsAre("commit 2: a c; scores a; keep 1")) << "c's of version 0";
  EXPECT_EQ(run.durable(2).front(), "begin 3: a b c; at work b c");
  EXPECT_EQ(run.fate("c", 2), "taken");
}

TEST(BufferedTest, SoManySitesAreAtWorkAtOnce) {
  Script run = begun(buffered(2, 2), "abcd");
  EXPECT_EQ(run.waiting(), "an update from a b until 1000") << "the others have no place";
  EXPECT_THAT(run.ready("c"), IsEmpty());
  EXPECT_THAT(run.ready("b"), ElementsAre("ask b: train 1 from 0, score validation")) << "its own place";
  EXPECT_THAT(run.gone("b"), ElementsAre("ask c: train 1 from 0, score validation")) << "a place that nobody uses";
  run.score("a", 0);
  EXPECT_THAT(run.admit("a", 1), ElementsAre("ask d: train 1 from 0, score validation"));
  EXPECT_THAT(run.ready("b"), ElementsAre("ask b: train 1 from 0, score validation")) << "it may be nearly done";
  EXPECT_THAT(run.through("d", 1), ElementsAre("commit 1: a d; scores a d; keep 0"));
  EXPECT_THAT(run.durable(1), ElementsAre("begin 2: a b c d; at work b c")) << "no place is free";
  EXPECT_THAT(run.admit("b", 1), ElementsAre("ask a: train 2 from 1, score validation")) << "b was counted already";
  EXPECT_THAT(run.admit("c", 1), ElementsAre("commit 2: b c; scores ; keep 1"));
}

TEST(BufferedTest, ThePlacesGoToThoseWhoWereNotCountedForLongest) {
  const History history = history_of(2, {},
                                     {{.round = 1, .cohort = sites_named("abc"), .updates = {{.site = {"a"}}}},
                                      {.round = 2, .cohort = sites_named("abc"), .updates = {{.site = {"b"}}}}});
  Script run(buffered(1, 2), "abc", history);
  for (const char* site : {"a", "b", "c"}) run.ready(site);
  EXPECT_THAT(run.start(), ElementsAre("begin 3: a b c", "ask c: train 3 from 2, score validation",
                                       "ask a: train 3 from 2, score validation"));
}

TEST(BufferedTest, AtTheDeadlineAQuorumOfTheBufferIsEnough) {
  RoundsConfig config = buffered(4);
  config.quorum = 0.5;
  Script run = begun(config, "abcde");
  run.through("a", 1);
  run.through("d", 1);
  EXPECT_THAT(run.tick(kDeadline), ElementsAre("commit 1: a d; scores a d; keep 0"));
}

// After a crash nobody knows who was at work; what they finished meanwhile is taken all the same.
TEST(BufferedTest, AMachineMadeFromTheLedgerTakesWhatWasMadeBefore) {
  const History history = history_of(
      3, {},
      {{.round = 3, .cohort = sites_named("abc"), .updates = {{.site = {"a"}, .staleness = 1}, {.site = {"b"}}}}});
  Script run = begun(buffered(2, 0, 2), "abc", history);
  EXPECT_EQ(run.fate("a", 2), "late") << "counted in round 3";
  EXPECT_EQ(run.fate("a", 3), "taken");
  EXPECT_EQ(run.fate("b", 3), "late");
  EXPECT_EQ(run.fate("c", 2), "taken");
  EXPECT_EQ(run.fate("c", 1), "late") << "too old";
  EXPECT_EQ(run.fate("c", 5), "late");
  EXPECT_THAT(run.admit("c", 2), IsEmpty()) << "it is at work on the newest already";
}

// c was at work on version 1 when the coordinator died, and has gone on with that since.
TEST(BufferedTest, WhoWasAtWorkWhenTheCoordinatorDiedIsLeftToIt) {
  const History history = history_of(
      3, {},
      {{.round = 3, .cohort = sites_named("abc"), .updates = {{.site = {"a"}, .staleness = 1}, {.site = {"b"}}}}});
  const auto comes = [&](const std::string& site, std::uint32_t training) {
    Script run(buffered(2, 0, 2), "abc", history);
    run.start();
    return run.ready(site, training);
  };
  EXPECT_THAT(comes("c", 2), ElementsAre("ask c: train 2 from 1"));
  const auto anew = [](const std::string& site) { return "ask " + site + ": train 4 from 3, score validation"; };
  EXPECT_THAT(comes("c", 1), ElementsAre(anew("c"))) << "too old";
  EXPECT_THAT(comes("a", 2), ElementsAre(anew("a"))) << "counted in round 3";
  EXPECT_THAT(comes("c", 4), ElementsAre(anew("c"))) << "the open one";
  EXPECT_THAT(comes("c", 7), ElementsAre(anew("c")));
  EXPECT_THAT(comes("d", 2), IsEmpty()) << "not listed";
  Script run(buffered(2, 0, 2), "abc", history);
  run.start();
  run.ready("c", 2);
  EXPECT_THAT(run.admit("c", 2), ElementsAre(anew("c")));
}

TEST(StepsTest, ASlowSiteIsGivenFewerAndKeepsThemThroughARestart) {
  const RoundsConfig config{.count = 9, .deadline = kDeadline, .min_steps = 2, .local_steps = 40};
  Script run = begun(config, "ab");
  EXPECT_THAT(run.ready("a"), ElementsAre("ask a: train 1 from 0, score validation, 40 steps"));
  EXPECT_EQ(run.machine.steps_asked({"a"}, 1), 40U);
  EXPECT_EQ(run.machine.steps_asked({"a"}, 2), std::nullopt);
  run.score("a", 0);
  run.score("b", 0);
  run.admit("a", 1, 40, 0.5);  // 80 steps a second: 60 in three quarters of a second
  run.admit("b", 1, 40, 4);    // 10
  const auto asks = run.durable(1);
  EXPECT_THAT(asks, ElementsAre("begin 2: a b", "ask a: train 2 from 1, score validation, 40 steps",
                                "ask b: train 2 from 1, score validation, 8 steps"));
  const History history = history_of(
      1, {},
      {{.round = 1,
        .cohort = sites_named("ab"),
        .updates = {{.site = {"a"}, .steps = 40, .seconds = 0.5}, {.site = {"b"}, .steps = 40, .seconds = 4}}}});
  Script resumed(config, "ab", history);
  for (const char* site : {"a", "b"}) resumed.ready(site);
  EXPECT_EQ(resumed.start(), asks);
}

TEST(SitesChangedTest, TheNextRoundIsOfTheNewSites) {
  Script run = begun({.count = 3, .quorum = 0.5, .max_staleness = 2}, "abc");
  run.through("a", 1);
  EXPECT_THAT(run.list("abd"), IsEmpty()) << "this round is of the old ones";
  EXPECT_THAT(run.ready("d"), IsEmpty());
  EXPECT_EQ(run.fate("c", 1), "taken");
  run.through("b", 1);
  run.tick(kDeadline);
  EXPECT_THAT(run.durable(1),
              ElementsAre("begin 2: a b d", "ask a: train 2 from 1, score validation",
                          "ask b: train 2 from 1, score validation", "ask d: train 2 from 1, score validation"));
  EXPECT_EQ(run.fate("c", 1), "later") << "it is not among them any more, and may be again";
  for (const char* site : {"a", "b", "d"}) run.score(site, 1);
  run.admit("a", 2);
  run.admit("d", 2);
  EXPECT_THAT(run.admit("b", 2), ElementsAre("commit 2: a b d; scores a b d"));
}

// b was taken off the list and shut out: nobody waits for it until the deadline.
TEST(SitesChangedTest, ARoundThatIsLeftWithoutItsQuorumIsOpenedAnew) {
  Script run = begun({.count = 2, .quorum = 1}, "ab");
  run.through("a", 1);
  EXPECT_THAT(run.list("a"), IsEmpty()) << "b may still send its update";
  EXPECT_THAT(run.decline("b"), ElementsAre("begin 1: a", "ask a: train 1 from 0, score validation"));
  EXPECT_EQ(run.fate("a", 1), "taken") << "what came before is asked for again";
  EXPECT_EQ(run.fate("b", 1), "later") << "it may be listed again before the round is committed";
  EXPECT_THAT(run.through("a", 1), ElementsAre("commit 1: a; scores a"));
  EXPECT_THAT(run.durable(1), ElementsAre("begin 2: a", "ask a: train 2 from 1, score validation"));
}

// b is away, and nobody knows whether it comes back.
TEST(SitesChangedTest, WhoIsAwayAndNotListedAnyMoreIsNotWaitedFor) {
  Script run = begun({.count = 2, .quorum = 1}, "ab");
  run.through("a", 1);
  run.gone("b");
  EXPECT_THAT(run.list("a"), ElementsAre("begin 1: a", "ask a: train 1 from 0, score validation"));
  EXPECT_THAT(run.through("a", 1), ElementsAre("commit 1: a; scores a"));
}

// b never came, so that no deadline's clock runs.
TEST(SitesChangedTest, WhoNeverCameAndIsNotListedAnyMoreIsNotWaitedFor) {
  Script run({.count = 2, .quorum = 1, .deadline = kDeadline}, "abc");
  run.start();
  run.ready("a");
  run.ready("c");
  EXPECT_EQ(run.machine.wake_at(), TimePoint::max());
  EXPECT_THAT(run.list("acd"), ElementsAre("begin 1: a c d", "ask a: train 1 from 0, score validation",
                                           "ask c: train 1 from 0, score validation"));
  EXPECT_EQ(run.machine.wake_at(), TimePoint::max()) << "d may come";
  EXPECT_THAT(run.list("ac"), ElementsAre("begin 1: a c", "ask a: train 1 from 0, score validation",
                                          "ask c: train 1 from 0, score validation"));
  run.through("a", 1);
  EXPECT_THAT(run.through("c", 1), ElementsAre("commit 1: a c; scores a c"));
}

// b never came and is not listed any more; d is listed, and takes no part.
TEST(SitesChangedTest, ARoundThatWaitsForNobodyElseIsOpenedAnew) {
  Script run({.count = 2, .quorum = 0.6, .deadline = kDeadline}, "abd");
  run.start();
  run.ready("a");
  run.decline("d");
  run.through("a", 1);
  EXPECT_THAT(run.list("ad"), IsEmpty()) << "d may be mended";
  EXPECT_THAT(run.tick(kDeadline), ElementsAre("begin 1: a d", "ask a: train 1 from 0, score validation"));
  run.through("a", 1);
  EXPECT_THAT(run.tick(kDeadline), ElementsAre("fail 1: needs 2; refused ; declined d"));
}

TEST(SitesChangedTest, WhoIsNotListedAnyMoreIsNotWaitedForWhereTheOthersMakeTheQuorum) {
  Script run({.count = 1, .quorum = 0.5, .deadline = kDeadline}, "abc");
  run.start();
  run.ready("a");
  run.ready("c");
  run.through("a", 1);
  EXPECT_THAT(run.through("c", 1), IsEmpty()) << "b may come";
  EXPECT_THAT(run.list("ac"), ElementsAre("commit 1: a c; scores a c"));
}

// The last round is committed, and b has died since.
TEST(SitesChangedTest, WhoIsNotListedAnyMoreIsNotWaitedForByTheLastScores) {
  Script run = begun({.count = 1, .quorum = 1}, "ab");
  run.through("a", 1);
  run.through("b", 1);
  run.durable(1);
  run.gone("b");
  EXPECT_THAT(run.score("a", 1, 0.9), IsEmpty());
  EXPECT_THAT(run.list("a"), ElementsAre("ask a: with 1, score test"));
  EXPECT_THAT(run.score("a", 1, 0.5, "test"), testing::SizeIs(1));
}

TEST(SitesChangedTest, ARunOfWhomEveryOneWasPutAsideEnds) {
  RoundsConfig strict{.count = 3, .quorum = 0.5, .max_refusals = 1};
  Script run = begun(strict, "ab");
  run.list("b");
  run.refuse("b", 1);
  run.score("b", 0);
  run.through("a", 1);
  EXPECT_THAT(run.durable(1), ElementsAre("put aside b", "fail 2: needs 1; refused ; declined ; put aside b"));
  EXPECT_EQ(run.waiting(), "nothing");
}

TEST(SitesChangedTest, ARoundThatHasItsQuorumWithoutThemGoesOn) {
  Script run = begun({.count = 2, .quorum = 0.5}, "abc");
  run.through("a", 1);
  run.list("ab");
  EXPECT_THAT(run.decline("c"), IsEmpty());
  EXPECT_THAT(run.through("b", 1), ElementsAre("commit 1: a b; scores a b"));
}

}  // namespace
}  // namespace weft::fl
