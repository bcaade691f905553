// One run, event by event.
#include "common/fl/round.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/fl/sampling.h"
#include "common/metrics/registry.h"
#include "tests/fl/round_support.h"

namespace weft::fl {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Milliseconds kDeadline{1000};

RoundsConfig config(std::uint32_t count, double quorum = 1, double fraction = 1, std::uint32_t patience = 0) {
  return {.count = count, .fraction = fraction, .quorum = quorum, .deadline = kDeadline, .patience = patience};
}

TEST(RoundMachineTest, ARunFromItsFirstRoundToItsResult) {
  Script run(config(2), "ba");
  EXPECT_THAT(run.start(), ElementsAre("begin 1: a b"));
  EXPECT_EQ(run.machine.round(), 1U);
  EXPECT_EQ(run.machine.version(), 0U);
  EXPECT_THAT(run.ready("b"), ElementsAre("ask b: train 1 from 0, score validation"));
  EXPECT_THAT(run.ready("a"), ElementsAre("ask a: train 1 from 0, score validation"));
  EXPECT_THAT(run.score("a", 0, 0.5), IsEmpty());
  EXPECT_THAT(run.admit("a", 1), IsEmpty());
  EXPECT_THAT(run.admit("b", 1), IsEmpty());
  EXPECT_THAT(run.score("b", 0, 0.5), ElementsAre("commit 1: a b; scores a b"));
  EXPECT_EQ(run.machine.round(), 0U);
  EXPECT_EQ(run.machine.version(), 0U);
  EXPECT_EQ(run.waiting(), "nothing");
  EXPECT_THAT(run.durable(1), ElementsAre("begin 2: a b", "ask a: train 2 from 1, score validation",
                                          "ask b: train 2 from 1, score validation"));
  EXPECT_EQ(run.machine.version(), 1U);
  run.through("a", 2, 0.9);
  EXPECT_THAT(run.through("b", 2, 0.7), ElementsAre("commit 2: a b; scores a b"));
  EXPECT_THAT(run.durable(2), ElementsAre("ask a: with 2, score validation", "ask b: with 2, score validation"));
  EXPECT_THAT(run.score("a", 2, 0.6), IsEmpty());
  EXPECT_THAT(run.score("b", 2, 0.6), ElementsAre("ask a: with 1, score test", "ask b: with 1, score test"));
  EXPECT_THAT(run.score("b", 1, 0.6, "test"), IsEmpty());
  EXPECT_THAT(run.score("a", 1, 0.6, "test"), ElementsAre("finish: best 1, all rounds are done; scores a b a b"));
  EXPECT_THAT(run.score("a", 1, 0.6, "test"), IsEmpty());
  EXPECT_THAT(run.ready("a"), IsEmpty());
  EXPECT_EQ(run.machine.wake_at(), TimePoint::max());
}

TEST(RoundMachineTest, ScoresTravelWithTheirValues) {
  Script run(config(1), "a");
  run.start();
  run.ready("a");
  run.score("a", 0, 0.25);
  const auto actions = run.machine.on(UpdateAdmitted{{"a"}, 1, {}}, run.now);
  ASSERT_EQ(actions.size(), 1U);
  const SiteScore& score = std::get<CommitRound>(actions[0]).scores.at(0);
  EXPECT_EQ(score.version, 0U);
  EXPECT_EQ(score.split, "validation");
  EXPECT_EQ(score.examples, 10U);
  EXPECT_EQ(metrics::value(score.tally, "accuracy"), 0.25);
}

TEST(RoundMachineTest, AReturningSiteIsAskedForWhatIsMissing) {
  Script run(config(1, 0.5), "ab");
  run.start();
  run.ready("a");
  run.gone("a");
  EXPECT_THAT(run.ready("a"), ElementsAre("ask a: train 1 from 0, score validation"));
  run.score("a", 0);
  run.gone("a");
  EXPECT_THAT(run.ready("a"), ElementsAre("ask a: train 1 from 0"));
  run.admit("a", 1);
  EXPECT_THAT(run.ready("a"), IsEmpty());
  run.ready("b");
  run.refuse("b", 1);
  EXPECT_THAT(run.ready("b"), ElementsAre("ask b: with 0, score validation"));
  EXPECT_THAT(run.score("b", 0), ElementsAre("commit 1: a; scores a b"));
}

TEST(RoundMachineTest, WhatWasNotAskedForChangesNothing) {
  Script run(config(2, 1, 0.5), "abcd");
  run.start();
  const auto cohort = draw_cohort(sites_named("abcd"), 0.5, Rng(1), 1);
  const std::string in = cohort[0].name, other = cohort[1].name;
  std::string out;
  for (const SiteId& site : sites_named("abcd"))
    if (site != cohort[0] && site != cohort[1]) out = site.name;
  EXPECT_THAT(run.ready("x"), IsEmpty());
  EXPECT_THAT(run.ready(out), IsEmpty()) << "not in the cohort";
  run.ready(in);
  run.ready(other);
  EXPECT_TRUE(run.machine.wants_update({in}, 1));
  EXPECT_FALSE(run.machine.wants_update({in}, 2));
  EXPECT_FALSE(run.machine.wants_update({in}, 0));
  EXPECT_FALSE(run.machine.wants_update({out}, 1));
  run.through(in, 1);
  EXPECT_FALSE(run.machine.wants_update({in}, 1)) << "it is in";
  run.refuse(in, 1);  // was admitted already
  run.admit(in, 1);   // counted once
  run.score(other, 0, 0.1, "test");
  run.score(other, 1);
  run.score("x", 0);
  run.score(out, 0);
  run.admit(out, 1);
  run.admit(other, 2);
  run.admit(other, 0);
  run.durable(1);
  run.score(other, 0);
  EXPECT_EQ(run.waiting(), "an update from " + other + " until 1000");
  EXPECT_THAT(run.admit(other, 1), ElementsAre("commit 1: " + names(cohort) + "; scores " + names(cohort)));
  EXPECT_THAT(run.durable(2), IsEmpty());
  EXPECT_FALSE(run.machine.wants_update({in}, 1)) << "late";
  EXPECT_EQ(run.durable(1).front().substr(0, 8), "begin 2:");
  EXPECT_THAT(run.durable(1), IsEmpty());
}

TEST(RoundMachineTest, CohortsAreDrawnFromAllListedSites) {
  Script run(config(1, 1, 0.5), "abcdef", {}, 9);
  const std::string begin = "begin 1: " + names(draw_cohort(sites_named("fedcba"), 0.5, Rng(9), 1));
  EXPECT_THAT(run.start(), ElementsAre(begin));
}

TEST(RoundMachineTest, AtTheDeadlineARoundClosesWithItsQuorum) {
  Script run(config(1, 0.5), "abcd");
  run.start();
  run.ready("a");
  run.tick(Milliseconds(5000));
  EXPECT_EQ(run.machine.wake_at(), TimePoint::max()) << "a quorum of two is not at work yet";
  EXPECT_EQ(run.waiting(), "sites to join from b c d");
  run.ready("b");
  EXPECT_EQ(run.machine.wake_at(), TimePoint(Milliseconds(6000)));
  EXPECT_EQ(run.waiting(), "an update from a b c d until 6000");
  run.ready("c");
  run.through("a", 1);
  run.through("c", 1);
  EXPECT_THAT(run.tick(Milliseconds(999)), IsEmpty()) << "not all are through";
  EXPECT_EQ(run.waiting(), "an update from b d until 6000");
  EXPECT_THAT(run.tick(Milliseconds(1)), ElementsAre("commit 1: a c; scores a c"));
  EXPECT_THAT(run.admit("b", 1), IsEmpty()) << "late";
}

TEST(RoundMachineTest, WithoutAQuorumAtTheDeadlineTheRoundWaitsForIt) {
  Script run(config(1, 0.5), "abcd");
  run.start();
  for (const char* site : {"a", "b", "c", "d"}) run.ready(site);
  run.through("a", 1);
  EXPECT_THAT(run.tick(kDeadline), IsEmpty());
  EXPECT_EQ(run.machine.wake_at(), TimePoint::max()) << "else whoever drives it would spin";
  EXPECT_EQ(run.waiting(), "an update (the deadline has passed with 1 of the 2 that are the quorum) from b c d");
  run.tick(kDeadline);
  EXPECT_THAT(run.score("d", 0), IsEmpty());
  EXPECT_THAT(run.admit("d", 1), ElementsAre("commit 1: a d; scores a d"));
}

TEST(RoundMachineTest, TheDeadlineHoldsWithoutATick) {
  Script run(config(1, 0.5), "ab");
  run.start();
  run.ready("a");
  run.through("a", 1);
  run.now += kDeadline;
  EXPECT_THAT(run.ready("b"), ElementsAre("ask b: train 1 from 0, score validation", "commit 1: a; scores a"));
}

TEST(RoundMachineTest, TheClockRunsThoughSitesComeOneAfterTheOther) {
  Script run(config(1, 0.6), "abc");
  run.start();
  run.ready("a");
  run.through("a", 1);
  run.gone("a");
  EXPECT_EQ(run.machine.wake_at(), TimePoint::max());
  run.ready("b");
  EXPECT_EQ(run.machine.wake_at(), TimePoint(kDeadline)) << "a was heard of, b is at work: two of three";
  run.gone("b");
  EXPECT_EQ(run.machine.wake_at(), TimePoint(kDeadline)) << "it does not stop";
}

TEST(RoundMachineTest, ARefusedSiteIsNotWaitedFor) {
  Script run(config(1, 0.6), "abc");
  run.start();
  for (const char* site : {"a", "b", "c"}) run.ready(site);
  for (const char* site : {"a", "b", "c"}) run.score(site, 0);
  run.admit("a", 1);
  run.refuse("b", 1);
  EXPECT_FALSE(run.machine.wants_update({"b"}, 1)) << "it takes no further part";
  EXPECT_THAT(run.tick(kDeadline), IsEmpty()) << "c may still come";
  EXPECT_THAT(run.admit("c", 1), ElementsAre("commit 1: a c; scores a b c"));
}

TEST(RoundMachineTest, TheRunFailsWhenAdmittedUpdatesCanNoLongerReachTheQuorum) {
  Script run(config(1, 0.5), "abcd");
  run.start();
  for (const char* site : {"a", "b", "c", "d"}) run.ready(site);
  run.admit("a", 1);
  run.refuse("b", 1);
  EXPECT_THAT(run.refuse("c", 1), IsEmpty()) << "d may still come";
  EXPECT_THAT(run.refuse("d", 1), ElementsAre("fail 1: needs 2; refused b c d; declined "));
  EXPECT_EQ(run.waiting(), "nothing");
  EXPECT_THAT(run.ready("b"), IsEmpty());
  EXPECT_THAT(run.admit("b", 1), IsEmpty());
}

TEST(RoundMachineTest, ASiteThatDeclinedIsNotWaitedForWhileTheOthersMakeTheQuorum) {
  Script run(config(1, 0.5), "abc");
  run.start();
  EXPECT_THAT(run.decline("c"), IsEmpty());
  EXPECT_EQ(run.waiting(), "sites to join from a b");
  run.ready("a");
  run.ready("b");
  EXPECT_EQ(run.waiting(), "an update from a b until 1000");
  run.through("a", 1);
  EXPECT_THAT(run.through("b", 1), ElementsAre("commit 1: a b; scores a b"));
  EXPECT_THAT(run.durable(1), ElementsAre("ask a: with 1, score validation", "ask b: with 1, score validation"));
  run.score("a", 1);
  EXPECT_THAT(run.score("b", 1), ElementsAre("ask a: with 0, score test", "ask b: with 0, score test"));
  run.decline("a");
  EXPECT_THAT(run.score("b", 0, 0.5, "test"), ElementsAre("finish: best 0, all rounds are done; scores a b b"));
}

TEST(RoundMachineTest, SitesThatDeclinedMayComeBackUntilTheDeadline) {
  for (const bool comes_back : {true, false}) {
    Script run(config(1), "abc");
    run.start();
    run.ready("a");
    run.decline("b");
    EXPECT_EQ(run.waiting(), "sites to join from b c");
    run.ready("c");
    EXPECT_EQ(run.waiting(), "an update from a b c until 1000") << "of three, all are heard of";
    run.through("a", 1);
    EXPECT_THAT(run.through("c", 1), IsEmpty());
    EXPECT_EQ(run.waiting(), "an update from b until 1000");
    if (comes_back) {
      EXPECT_THAT(run.ready("b"), ElementsAre("ask b: train 1 from 0, score validation"));
      EXPECT_THAT(run.tick(kDeadline), IsEmpty()) << "it is at work";
      EXPECT_THAT(run.through("b", 1), ElementsAre("commit 1: a b c; scores a b c"));
    } else {
      EXPECT_THAT(run.tick(kDeadline), ElementsAre("fail 1: needs 3; refused ; declined b"));
    }
  }
}

TEST(RoundMachineTest, AnUpdateCountsThoughItsSiteDeclinedLater) {
  Script run(config(1), "ab");
  run.start();
  run.ready("a");
  run.ready("b");
  run.through("a", 1);
  run.decline("a");
  EXPECT_THAT(run.through("b", 1), ElementsAre("commit 1: a b; scores a b"));
}

TEST(RoundMachineTest, TheLastStagesAskAllSitesAndGoOnAtTheDeadline) {
  Script run(config(1, 1, 0.34), "abc", history_of(1, {score_of("a", 0, 0.5)}));
  EXPECT_THAT(run.start(), IsEmpty());
  EXPECT_EQ(run.machine.round(), 0U);
  EXPECT_EQ(run.waiting(), "sites to join from a b c");
  EXPECT_THAT(run.ready("c"), ElementsAre("ask c: with 1, score validation"));
  EXPECT_EQ(run.waiting(), "a validation score from a b c until 1000");
  EXPECT_THAT(run.tick(kDeadline), IsEmpty()) << "at least one answer is needed";
  EXPECT_THAT(run.ready("b"), ElementsAre("ask b: with 1, score validation"));
  EXPECT_THAT(run.score("b", 1, 0.8), ElementsAre("ask b: with 1, score test", "ask c: with 1, score test"));
  EXPECT_EQ(run.waiting(), "a test score from a b c until 2000");
  EXPECT_THAT(run.score("c", 1, 0.7), IsEmpty()) << "too late: the best version is decided";
  run.score("c", 1, 0.7, "test");
  run.ready("a");
  EXPECT_THAT(run.tick(kDeadline), ElementsAre("finish: best 1, all rounds are done; scores b c"));
}

TEST(RoundMachineTest, EmptySplitsCountAsAnswers) {
  Script run(config(1), "ab", history_of(1, {score_of("a", 0, 0.5, "validation", 0)}));
  run.start();
  run.ready("a");
  run.ready("b");
  run.score("a", 1, 0, "validation", 0);
  EXPECT_THAT(run.score("b", 1, 0, "validation", 0),
              ElementsAre("ask a: with 1, score test", "ask b: with 1, score test"))
      << "nobody can say which is best, so it is the last";
}

TEST(RoundMachineTest, TheBestVersionIsTheEarliestOfEquals) {
  Script run(config(3), "a", history_of(3, {score_of("a", 0, 0.1), score_of("a", 1, 0.7), score_of("a", 2, 0.7)}));
  run.start();
  run.ready("a");
  EXPECT_THAT(run.score("a", 3, 0.7), ElementsAre("ask a: with 1, score test"));
}

TEST(RoundMachineTest, EarlyStoppingCountsRoundsThatMadeNothingBetter) {
  Script run(config(9, 1, 1, 2), "a");
  run.start();
  run.ready("a");
  const double accuracies[] = {0.5, 0.6, 0.55, 0.6};  // of versions 0 to 3; equal is not better
  for (std::uint32_t round = 1; round <= 3; ++round) {
    run.through("a", round, accuracies[round - 1]);
    EXPECT_EQ(run.durable(round).front().substr(0, 5), "begin") << round;
  }
  run.through("a", 4, accuracies[3]);
  EXPECT_THAT(run.durable(4), ElementsAre("ask a: with 4, score validation"));
  EXPECT_THAT(run.score("a", 4, 0.58), ElementsAre("ask a: with 1, score test"));
  EXPECT_THAT(run.score("a", 1, 0.6, "test"),
              ElementsAre("finish: best 1, no better validation accuracy for 2 rounds; scores a a"));
}

TEST(RoundMachineTest, ScoresAfterTheRoundsDoNotDisturbAResumedRun) {
  Script run(config(5, 1, 1, 1), "a",
             history_of(1, {score_of("a", 0, 0.5), score_of("a", 1, 0.4), score_of("a", 0, 1, "test")}));
  EXPECT_THAT(run.start(), ElementsAre("begin 2: a")) << "version 1 is judged in round 2, not before";
}

// A round that is committed with the update of a, while that of b is refused.
void refuse_b(Script& run, std::uint32_t round) {
  run.score("b", round - 1);
  run.refuse("b", round);
  run.through("a", round);
}

TEST(RoundMachineTest, ASiteThatIsRefusedTooOftenIsPutAside) {
  RoundsConfig three = config(3, 0.5);
  three.max_refusals = 2;
  Script run(three, "ab");
  run.start();
  run.ready("a");
  run.ready("b");
  refuse_b(run, 1);
  EXPECT_THAT(run.durable(1), ElementsAre("begin 2: a b", "ask a: train 2 from 1, score validation",
                                          "ask b: train 2 from 1, score validation"));
  refuse_b(run, 2);
  EXPECT_FALSE(run.machine.put_aside({"b"})) << "until the round is committed";
  EXPECT_THAT(run.durable(2), ElementsAre("put aside b", "begin 3: a", "ask a: train 3 from 2, score validation"));
  EXPECT_TRUE(run.machine.put_aside({"b"}));
  EXPECT_FALSE(run.machine.put_aside({"a"}));
  EXPECT_THAT(run.ready("b"), IsEmpty());
  EXPECT_EQ(run.waiting(), "an update from a until 1000");
  run.through("a", 3);
  EXPECT_THAT(run.durable(3), ElementsAre("ask a: with 3, score validation")) << "nor is it asked for scores";
}

TEST(RoundMachineTest, ARoundThatRefusesASiteTwiceCountsOnce) {
  RoundsConfig three = config(3, 0.5);
  three.max_refusals = 2;
  Script run(three, "ab", {.refused = {{{{"b"}, 1}, 1}}});  // it was refused, then the coordinator died
  EXPECT_THAT(run.start(), ElementsAre("begin 1: a b")) << "round 1 is still open";
  run.ready("a");
  run.ready("b");
  refuse_b(run, 1);
  run.refuse("b", 1);
  run.refuse("a", 1);
  EXPECT_EQ(run.durable(1).front(), "begin 2: a b");
}

// b's update of round 1 was refused, so that the run failed; b was mended, and the round made anew.
TEST(RoundMachineTest, ARoundThatCountsASiteHoldsNoRefusalAgainstIt) {
  RoundsConfig three = config(3, 1);
  three.max_refusals = 1;
  Script run(three, "ab", {.refused = {{{{"b"}, 1}, 1}}});
  run.start();
  run.ready("a");
  run.ready("b");
  run.through("a", 1);
  run.through("b", 1);
  EXPECT_EQ(run.durable(1).front(), "begin 2: a b");
}

TEST(RoundMachineTest, WhoWasPutAsideStaysSoAfterACrash) {
  RoundsConfig three = config(3, 0.5);
  three.max_refusals = 2;
  const std::vector<PastRefusal> refused{{{{"b"}, 1}, 1}, {{{"b"}, 2}, 2}, {{{"b"}, 2}, 2}};
  Script run(three, "ab", {.committed = 2, .refused = refused});
  EXPECT_THAT(run.start(), ElementsAre("put aside b", "begin 3: a"));
  Script earlier(three, "ab", {.committed = 1, .refused = refused});
  EXPECT_THAT(earlier.start(), ElementsAre("begin 2: a b")) << "round 2 is not committed";
  three.max_refusals = 0;
  Script never(three, "ab", {.committed = 2, .refused = refused});
  EXPECT_THAT(never.start(), ElementsAre("begin 3: a b"));
}

// A late update that is refused counts against its site from the next round on, also where the coordinator died since:
// the open round is of whom it was of.
TEST(RoundMachineTest, ARefusalCountsWhenTheRoundThatSawItIsCommitted) {
  RoundsConfig late = config(4, 0.5);
  late.max_refusals = 1;
  late.max_staleness = 1;
  Script resumed(late, "ab", {.committed = 1, .refused = {{{{"b"}, 1}, 2}}});
  EXPECT_THAT(resumed.start(), ElementsAre("begin 2: a b"));
  resumed.ready("a");
  resumed.through("a", 2);
  EXPECT_THAT(resumed.tick(Milliseconds(1000)), ElementsAre("commit 2: a; scores a"));
  EXPECT_THAT(resumed.durable(2).front(), "put aside b");
}

}  // namespace
}  // namespace weft::fl
