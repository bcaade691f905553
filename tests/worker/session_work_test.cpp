// What Work asks for: fetching, scoring, training, offering, settling.
#include <cmath>

#include "tests/worker/session_support.h"

namespace weft::worker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(SessionTest, OneRoundInOrder) {
  connect();
  EXPECT_EQ(sent<wire::Hello>()[0].weft_version, "1.2");
  load();
  EXPECT_EQ(sent<wire::Ready>()[0].base_digest, kBaseDigest);
  EXPECT_EQ(sent<wire::Ready>()[0].manifest_digest, facts_.manifest->digest());
  EXPECT_EQ(sent<wire::Ready>()[0].examples, facts_.examples);

  feed(wire::Message(work(1, {"validation"})));
  EXPECT_EQ(sent<wire::Fetch>().at(0).version, 0U);
  EXPECT_EQ(sent<wire::Fetch>().at(0).offset, 0U);
  deliver_adapter();
  ASSERT_THAT(actions<Score>(), SizeIs(1));
  EXPECT_EQ(actions<Score>()[0].split, "validation");
  EXPECT_THAT(actions<Train>(), IsEmpty());

  feed(Scored{actions<Score>()[0].task, {.examples = 10, .tally = {{{"loss", {5, 10}}}}}});
  ASSERT_THAT(sent<wire::Metrics>(), SizeIs(1));
  EXPECT_EQ(sent<wire::Metrics>()[0].examples, 10U);
  EXPECT_EQ(sent<wire::Metrics>()[0].tally.parts.at("loss"), (metrics::Counts{5, 10}));
  ASSERT_THAT(actions<Train>(), SizeIs(1));
  EXPECT_EQ(actions<Train>()[0].run_id, kRunId);
  EXPECT_EQ(actions<Train>()[0].adapter_digest, digest_);

  feed(Trained{actions<Train>()[0].task, update(1)});
  EXPECT_THAT(sent<wire::Offer>(), IsEmpty()) << "offered before it is on disk";
  feed(Kept{actions<Keep>().at(0).update});
  ASSERT_THAT(sent<wire::Offer>(), SizeIs(1));
  EXPECT_EQ(sent<wire::Offer>()[0].bytes, kBytes);
  EXPECT_EQ(sent<wire::Offer>()[0].values.at("loss"), 0.5);

  feed(wire::Message(wire::Resume{.digest = update(1).digest, .offset = 4}));
  ASSERT_THAT(sent<wire::Chunk>(), SizeIs(1));
  EXPECT_EQ(sent<wire::Chunk>()[0].offset, 4U);
  EXPECT_EQ(sent<wire::Chunk>()[0].data.size(), kBytes - 4);
  feed(wire::Message(wire::Ack{.digest = update(1).digest, .offset = kBytes}));
  EXPECT_THAT(actions<Forget>(), IsEmpty()) << "forgotten before its fate is durable";
  feed(wire::Message(wire::Settled{.round = 1, .digest = update(1).digest, .verdict = "committed"}));
  ASSERT_THAT(actions<Forget>(), SizeIs(1));
  EXPECT_EQ(actions<Forget>()[0].round, 1U);

  feed(wire::Message(wire::Finished{.version = 1, .reason = "all rounds are done"}));
  ASSERT_TRUE(result());
  EXPECT_EQ(result()->outcome, Outcome::finished);
  EXPECT_EQ(result()->version, 1U);
  feed(net::Up{});
  EXPECT_THAT(last_, IsEmpty());
}

// As after a crash of the coordinator, which does not know who is at work.
TEST_F(SessionTest, WorkThatAsksNothingTakesOffersAndCancelsNothing) {
  make_ready({update(1), update(2)});
  EXPECT_THAT(sent<wire::Offer>(), SizeIs(1)) << "whether the newest is wanted is not known";
  feed(wire::Message(work(3)));
  deliver_adapter();
  ASSERT_THAT(actions<Train>(), SizeIs(1));
  const TaskId training = actions<Train>()[0].task;
  come_back();
  wire::Work nothing{.version = 3, .adapter_digest = std::string(64, 'e'), .adapter_bytes = kBytes};
  feed(wire::Message(nothing));
  EXPECT_THAT(actions<Cancel>(), IsEmpty());
  EXPECT_THAT(sent<wire::Fetch>(), IsEmpty());
  EXPECT_THAT(sent<wire::Offer>(), SizeIs(1)) << "of round 2; that of round 1 was offered when it came back";
  feed(Trained{training, update(3)});
  feed(Kept{actions<Keep>().at(0).update});
  EXPECT_THAT(sent<wire::Offer>(), SizeIs(1));
  come_back();
  nothing.version = 2;  // an older copy of the run was put back: round 3 begins from another adapter
  feed(wire::Message(nothing));
  EXPECT_THAT(sent<wire::Offer>(), IsEmpty());
  ASSERT_THAT(actions<Forget>(), SizeIs(1));
  EXPECT_EQ(actions<Forget>()[0].round, 3U);
}

TEST_F(SessionTest, HeldAdapterIsNotFetchedAgainNorScoredAgain) {
  limit({.score_train = true});
  make_ready();
  feed(wire::Message(work(1, {"validation"})));
  deliver_adapter();
  feed(Scored{actions<Score>().at(0).task, {.examples = 10}});
  feed(wire::Message(wire::Work{.round = 0,
                                .version = 0,
                                .adapter_digest = digest_,
                                .adapter_bytes = kBytes,
                                .evaluate = {"validation", "train"},
                                .train = false}));
  EXPECT_THAT(sent<wire::Fetch>(), IsEmpty());
  EXPECT_THAT(sent<wire::Metrics>(), SizeIs(1));
  EXPECT_THAT(actions<Cancel>(), SizeIs(1));  // the training that is not asked for any more
  ASSERT_THAT(actions<Score>(), SizeIs(1));
  EXPECT_EQ(actions<Score>()[0].split, "train");
}

TEST_F(SessionTest, SplitWithoutExamplesIsAnsweredWithNone) {
  make_ready();
  feed(wire::Message(work(1, {"test"})));
  ASSERT_THAT(sent<wire::Metrics>(), SizeIs(1));
  EXPECT_EQ(sent<wire::Metrics>()[0].examples, 0U);
  EXPECT_THAT(sent<wire::Metrics>()[0].tally.parts, IsEmpty());
}

TEST_F(SessionTest, ASplitThatIsTooSmallToBeScoredIsEmptyToTheCoordinator) {
  limit({.min_scored = 21});
  make_ready();
  EXPECT_EQ(sent<wire::Ready>()[0].examples, (std::map<std::string, std::uint64_t>{{"train", 100}, {"validation", 0}}));
  feed(wire::Message(work(1, {"validation"})));
  EXPECT_THAT(actions<Score>(), IsEmpty());
  ASSERT_THAT(sent<wire::Metrics>(), SizeIs(1));
  EXPECT_EQ(sent<wire::Metrics>()[0].examples, 0U);
  EXPECT_THAT(sent<wire::Metrics>()[0].tally.parts, IsEmpty());
  limit({.min_scored = 20});
  make_ready();
  EXPECT_EQ(sent<wire::Ready>()[0].examples, facts_.examples);
}

TEST_F(SessionTest, TheTrainingSplitIsScoredOnlyWhereThePolicySaysSo) {
  make_ready();
  EXPECT_EQ(sent<wire::Ready>()[0].examples.at("train"), 100U);
  feed(wire::Message(work(1, {"train"})));
  ASSERT_THAT(sent<wire::Metrics>(), SizeIs(1));
  EXPECT_EQ(sent<wire::Metrics>()[0].examples, 0U);
  EXPECT_THAT(sent<wire::Metrics>()[0].tally.parts, IsEmpty());
  deliver_adapter();
  EXPECT_THAT(actions<Score>(), IsEmpty());
  EXPECT_THAT(actions<Train>(), SizeIs(1)) << "the rest of the work is done";
  limit({.score_train = true});
  make_ready();
  feed(wire::Message(work(1, {"train"})));
  deliver_adapter();
  EXPECT_THAT(actions<Score>(), SizeIs(1));
}

TEST_F(SessionTest, PolicyLimitsTheRoundsThatAreAskedFor) {
  make_ready();
  feed(wire::Message(work(1001)));
  ASSERT_TRUE(result());
  EXPECT_THAT(result()->reason, HasSubstr("policy.max_rounds"));
}

TEST_F(SessionTest, ProgressIsThrottled) {
  make_ready();
  feed(wire::Message(work(1)));
  deliver_adapter();
  const TaskId task = actions<Train>().at(0).task;
  clock_.advance(kProgressEvery);
  feed(TaskProgress{task, {1, 40, HUGE_VAL}});
  ASSERT_THAT(sent<wire::Progress>(), SizeIs(1));
  EXPECT_EQ(sent<wire::Progress>()[0].stage, "training");
  EXPECT_EQ(sent<wire::Progress>()[0].tokens_per_second, 0);
  feed(TaskProgress{task, {2, 40, 9}});
  EXPECT_THAT(last_, IsEmpty());
  clock_.advance(kProgressEvery);
  feed(TaskProgress{task, {3, 40, 9}});
  EXPECT_EQ(sent<wire::Progress>().at(0).done, 3U);
  feed(TaskProgress{task + 1, {9, 40, 9}});
  EXPECT_THAT(last_, IsEmpty());
}

TEST_F(SessionTest, NewerWorkReplacesATrainingAndItsLateResultIsIgnored) {
  make_ready();
  feed(wire::Message(work(1)));
  deliver_adapter();
  const TaskId old = actions<Train>().at(0).task;
  feed(wire::Message(work(2)));
  EXPECT_THAT(actions<Cancel>(), SizeIs(1));
  ASSERT_THAT(actions<Train>(), SizeIs(1));  // the adapter is the same: not fetched again
  EXPECT_EQ(actions<Train>()[0].round, 2U);
  const TaskId now = actions<Train>()[0].task;
  feed(Trained{old, update(1)});
  EXPECT_THAT(last_, IsEmpty());
  feed(TaskFailed{old, false, "cancelled"});
  EXPECT_THAT(last_, IsEmpty());
  feed(Trained{now, update(2)});
  EXPECT_THAT(actions<Keep>(), SizeIs(1));
}

TEST_F(SessionTest, TakesAsManyStepsAsItIsAskedForWithinItsPolicy) {
  make_ready();
  wire::Work few = work(1);
  few.local_steps = 7;
  feed(wire::Message(few));
  deliver_adapter();
  ASSERT_THAT(actions<Train>(), SizeIs(1));
  EXPECT_EQ(actions<Train>()[0].local_steps, 7U);
  few.local_steps = static_cast<std::uint32_t>(Policy().max_local_steps) + 1;
  feed(wire::Message(few));
  ASSERT_TRUE(result());
  EXPECT_THAT(result()->reason, HasSubstr("policy.max_local_steps"));
}

TEST_F(SessionTest, ScoreThatIsStillAskedForGoesOn) {
  make_ready();
  feed(wire::Message(work(1, {"validation"})));
  deliver_adapter();
  const TaskId task = actions<Score>().at(0).task;
  feed(wire::Message(work(1, {"validation"})));
  EXPECT_THAT(last_, IsEmpty());
  feed(Scored{task, {.examples = 10}});
  EXPECT_THAT(sent<wire::Metrics>(), SizeIs(1));
}

TEST_F(SessionTest, WorkWithAnotherAdapterLeavesTheTransfer) {
  make_ready();
  feed(wire::Message(work(1)));
  EXPECT_THAT(sent<wire::Fetch>(), SizeIs(1));
  wire::ChunkSender old(payload_, digest_, 0);
  payload_ = std::make_shared<const Bytes>(kBytes, std::uint8_t{0});
  Bytes other(kBytes, 0);
  other[3] = 0x40;
  payload_ = std::make_shared<const Bytes>(other);
  digest_ = sha256_hex(*payload_);
  feed(wire::Message(work(2)));
  EXPECT_EQ(sent<wire::Fetch>().at(0).version, 1U);
  const auto asked = last_;
  feed(wire::Message(*old.next()));
  EXPECT_THAT(last_, IsEmpty()) << "a chunk of the old adapter";
  last_ = asked;
  deliver_adapter();
  ASSERT_THAT(actions<Train>(), SizeIs(1));
  EXPECT_EQ(actions<Train>()[0].start->values[0], 2.0F);
}

TEST_F(SessionTest, TrainingGoesOnWhileTheLinkIsDown) {
  make_ready();
  feed(wire::Message(work(1, {"validation"})));
  deliver_adapter();
  const TaskId score = actions<Score>().at(0).task;
  feed(net::Down{"lost", false});
  EXPECT_THAT(actions<Cancel>(), IsEmpty());
  feed(Scored{score, {.examples = 10}});
  EXPECT_THAT(sent<wire::Metrics>(), IsEmpty());
  ASSERT_THAT(actions<Train>(), SizeIs(1));
  const TaskId training = actions<Train>()[0].task;
  connect();
  feed(wire::Message(welcome_));
  EXPECT_THAT(actions<Load>(), IsEmpty());
  ASSERT_THAT(sent<wire::Ready>(), SizeIs(1));
  EXPECT_EQ(sent<wire::Ready>()[0].training, 1U);
  feed(wire::Message(work(1, {"validation"})));
  EXPECT_THAT(actions<Cancel>(), IsEmpty());
  EXPECT_THAT(actions<Train>(), IsEmpty());
  EXPECT_THAT(sent<wire::Metrics>(), SizeIs(1));  // scored while nobody listened
  feed(net::Down{"lost", false});
  EXPECT_THAT(said(), HasSubstr("training goes on"));
  feed(Trained{training, update(1)});
  feed(Kept{actions<Keep>().at(0).update});
  EXPECT_THAT(sent<wire::Offer>(), IsEmpty());
  connect();
  feed(wire::Message(welcome_));
  feed(wire::Message(work(1)));
  EXPECT_THAT(sent<wire::Offer>(), SizeIs(1));
  EXPECT_THAT(actions<Train>(), IsEmpty());
}

TEST_F(SessionTest, SpooledUpdateIsOfferedInsteadOfTraining) {
  make_ready({update(2)});
  EXPECT_THAT(sent<wire::Offer>(), IsEmpty()) << "whether round 2 is open is not known yet";
  feed(wire::Message(work(2)));
  ASSERT_THAT(sent<wire::Offer>(), SizeIs(1));
  EXPECT_EQ(sent<wire::Offer>()[0].digest, update(2).digest);
  EXPECT_THAT(sent<wire::Fetch>(), IsEmpty());
  EXPECT_THAT(actions<Train>(), IsEmpty());
}

TEST_F(SessionTest, UpdatesOfOtherRoundsAreOfferedAtOnceAndForgottenWhenSettled) {
  make_ready({update(1, 1), update(2, 2), update(3, 3)});
  ASSERT_THAT(sent<wire::Offer>(), SizeIs(2));
  EXPECT_EQ(sent<wire::Offer>()[0].round, 1U);
  EXPECT_EQ(sent<wire::Offer>()[1].round, 2U);
  feed(wire::Message(wire::Settled{.round = 1, .digest = update(1, 1).digest, .verdict = "committed"}));
  EXPECT_EQ(actions<Forget>().at(0).round, 1U);
  feed(wire::Message(wire::Settled{.round = 2, .digest = update(2, 9).digest, .verdict = "late"}));
  EXPECT_THAT(last_, IsEmpty()) << "the fate of another update";
  feed(wire::Message(wire::Settled{.round = 2, .digest = update(2, 2).digest, .verdict = "late", .reason = "closed"}));
  EXPECT_EQ(actions<Forget>().at(0).round, 2U);
  EXPECT_THAT(said(), HasSubstr("late: closed"));
  feed(wire::Message(work(4)));
  EXPECT_EQ(sent<wire::Offer>().at(0).round, 3U);
}

// The end of the run may be told before the model is loaded.
TEST_F(SessionTest, WhatBecameOfASpooledUpdateIsHeardWhileTheModelIsLoaded) {
  connect();
  spooled_ = {{update(3)}, {}};
  feed(wire::Message(welcome_));
  ASSERT_THAT(actions<Load>(), SizeIs(1));
  feed(wire::Message(wire::Settled{.round = 3, .digest = update(3).digest, .verdict = "committed"}));
  EXPECT_EQ(actions<Forget>().at(0).round, 3U);
  feed(wire::Message(wire::Finished{.version = 3, .reason = "all rounds are done"}));
  EXPECT_EQ(result()->outcome, Outcome::finished);
}

TEST_F(SessionTest, SpooledUpdateFromAnotherAdapterIsDroppedAndTrainedAnew) {
  FinishedUpdate stale = update(2);
  stale.adapter_digest = std::string(64, '0');
  make_ready({stale});
  feed(wire::Message(work(2)));
  EXPECT_EQ(actions<Forget>().at(0).round, 2U);
  EXPECT_THAT(sent<wire::Offer>(), IsEmpty());
  deliver_adapter();
  EXPECT_THAT(actions<Train>(), SizeIs(1));
}

TEST_F(SessionTest, RefusedUpdateIsTrainedAnewOnlyWhenAskedAgain) {
  make_ready();
  train(1);
  ASSERT_THAT(sent<wire::Offer>(), SizeIs(1));
  feed(wire::Message(wire::Settled{.round = 1, .digest = update(1).digest, .verdict = "refused", .reason = "norm"}));
  EXPECT_THAT(said(), HasSubstr("refused: norm"));
  EXPECT_THAT(actions<Train>(), IsEmpty());
  feed(wire::Message(work(1)));
  EXPECT_THAT(actions<Train>(), SizeIs(1));
}

TEST_F(SessionTest, UnsettledUpdateIsOfferedAgainAfterComingBack) {
  make_ready();
  train(1);
  feed(wire::Message(wire::Resume{.digest = update(1).digest, .offset = 0}));
  come_back();
  feed(wire::Message(work(1)));
  ASSERT_THAT(sent<wire::Offer>(), SizeIs(1));
  feed(wire::Message(wire::Resume{.digest = update(1).digest, .offset = kBytes}));  // it has all of it
  EXPECT_THAT(sent<wire::Chunk>(), IsEmpty());
  feed(wire::Message(wire::Settled{.round = 1, .digest = update(1).digest, .verdict = "committed"}));
  EXPECT_THAT(actions<Forget>(), SizeIs(1));
}

TEST_F(SessionTest, DamagedChunksAndImpossibleOffsetsEndTheSession) {
  make_ready();
  feed(wire::Message(work(1)));
  wire::Chunk chunk = *wire::ChunkSender(payload_, digest_, 0).next();
  chunk.data[0] ^= 1;
  feed(wire::Message(chunk));
  EXPECT_THAT(said(), HasSubstr("checksum"));
  connect();
  feed(wire::Message(welcome_));
  train(1);
  feed(wire::Message(wire::Resume{.digest = update(1).digest, .offset = kBytes + 1}));
  EXPECT_THAT(said(), HasSubstr("Resume from byte 41 of an update of 40"));
  come_back();
  feed(wire::Message(work(1)));
  feed(wire::Message(wire::Resume{.digest = update(1).digest, .offset = 0}));
  feed(wire::Message(wire::Ack{.digest = update(1).digest, .offset = kBytes + 1}));
  EXPECT_THAT(said(), HasSubstr("acknowledgement at byte 41"));
}

TEST_F(SessionTest, DivergedNumbersAreLeftOutOfMessages) {
  make_ready();
  feed(wire::Message(work(1, {"validation"})));
  deliver_adapter();
  feed(Scored{actions<Score>().at(0).task,
              {.examples = 10, .tally = {{{"confusion", {5, 0, 5, 0}}, {"loss", {NAN, 10}}}}}});
  EXPECT_THAT(sent<wire::Metrics>().at(0).tally.parts,
              ElementsAre(std::pair("confusion", metrics::Counts{5, 0, 5, 0})));
  FinishedUpdate diverged = update(1);
  diverged.values["loss"] = -HUGE_VAL;
  feed(Trained{actions<Train>().at(0).task, diverged});
  EXPECT_THAT(actions<Keep>().at(0).update.values, IsEmpty());
}

}  // namespace
}  // namespace weft::worker
