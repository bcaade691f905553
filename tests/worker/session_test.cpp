// The link and the run: greeting, refusals, back-off, broken protocol, the end.
#include <set>

#include "tests/worker/session_support.h"

namespace weft::worker {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

TEST_F(SessionTest, PolicyRefusesTheRunBeforeAnythingIsLoaded) {
  connect();
  welcome_.settings =
      "task: {kind: causal_lm}\nadapter: {method: lora}\nrounds: {count: 5000}\ntrain: {local_steps: 1}\n";
  feed(wire::Message(welcome_));
  ASSERT_TRUE(result());
  EXPECT_EQ(result()->outcome, Outcome::misconfigured);
  EXPECT_EQ(result()->exit_code(), 2);
  EXPECT_THAT(result()->reason, AllOf(HasSubstr("policy"), HasSubstr("5000")));
  EXPECT_THAT(actions<Load>(), IsEmpty());
  ASSERT_THAT(sent<wire::Decline>(), SizeIs(1));
  EXPECT_THAT(sent<wire::Decline>()[0].reason, HasSubstr("policy.max_rounds"));
}

TEST_F(SessionTest, PolicyRefusesByWhatIsLoaded) {
  connect();
  feed(wire::Message(welcome_));
  facts_.examples.clear();
  feed(TrainerLoaded{actions<Load>().at(0).task, facts_});
  ASSERT_TRUE(result());
  EXPECT_EQ(result()->outcome, Outcome::misconfigured);
  EXPECT_THAT(result()->reason, HasSubstr("policy.min_examples"));
  EXPECT_THAT(sent<wire::Ready>(), IsEmpty()) << "what the site has was told before the policy agreed";
}

TEST_F(SessionTest, AnotherBaseModelIsNamedWithBothDigests) {
  connect();
  welcome_.base_digest = std::string(64, 'e');
  feed(wire::Message(welcome_));
  feed(TrainerLoaded{actions<Load>().at(0).task, facts_});
  ASSERT_TRUE(result());
  EXPECT_EQ(result()->outcome, Outcome::misconfigured);
  EXPECT_THAT(result()->reason, AllOf(HasSubstr(kBaseDigest), HasSubstr(std::string(64, 'e'))));
  ASSERT_THAT(sent<wire::Decline>(), SizeIs(1));
  EXPECT_THAT(sent<wire::Decline>()[0].reason, HasSubstr(kBaseDigest));
}

TEST_F(SessionTest, PermanentRefusalsEndTheWorkerOthersDoNot) {
  connect();
  feed(wire::Message(wire::Refused{.reason = "full", .permanent = false}));
  EXPECT_FALSE(result());
  EXPECT_THAT(actions<Disconnect>(), SizeIs(1));
  EXPECT_THAT(said(), AllOf(HasSubstr("full"), HasSubstr("trying again in")));
  connect();
  feed(wire::Message(wire::Refused{.reason = "not listed", .permanent = true}));
  ASSERT_TRUE(result());
  EXPECT_EQ(result()->outcome, Outcome::misconfigured);
  EXPECT_THAT(result()->reason, HasSubstr("not listed"));
}

TEST_F(SessionTest, SitesThatReplaceEachOtherSlowDown) {
  for (int i = 0; i < 8; ++i) {
    connect();
    feed(wire::Message(welcome_));
    feed(wire::Message(wire::Refused{.reason = "replaced by a newer session of this site", .permanent = false}));
  }
  EXPECT_GE(session_.wake_at() - clock_.now(), kLastRetry * 3 / 4);
}

TEST_F(SessionTest, RefusedCertificateEndsTheWorker) {
  last_ = session_.start(clock_.now());
  feed(net::Down{"its certificate is refused", true});
  ASSERT_TRUE(result());
  EXPECT_EQ(result()->outcome, Outcome::misconfigured);
}

TEST_F(SessionTest, BacksOffToHalfAMinuteAndBeginsAnewAfterAWelcome) {
  last_ = session_.start(clock_.now());
  started_ = true;
  std::int64_t most = kFirstRetry.count();
  for (int i = 0; i < 10; ++i) {
    feed(net::Down{"nothing listens there", false});
    EXPECT_THAT(said(), AllOf(HasSubstr("nothing listens there"), HasSubstr("trying again in")));
    const std::int64_t wait = (session_.wake_at() - clock_.now()).count();
    EXPECT_GE(wait, most * 3 / 4) << i;
    EXPECT_LE(wait, most) << i;
    clock_.advance(Milliseconds(wait - 1));
    feed(Tick{});
    EXPECT_THAT(last_, IsEmpty()) << "too early";
    clock_.advance(Milliseconds(1));
    feed(Tick{});
    EXPECT_THAT(actions<Connect>(), SizeIs(1));
    EXPECT_EQ(session_.wake_at(), TimePoint::max());
    most = std::min<std::int64_t>(most * 2, kLastRetry.count());
  }
  feed(net::Up{});
  feed(wire::Message(welcome_));
  feed(net::Down{"lost", false});
  EXPECT_LE(session_.wake_at() - clock_.now(), kFirstRetry);
}

TEST_F(SessionTest, SitesDoNotComeBackAtTheSameMoment) {
  std::set<std::int64_t> waits;
  for (int site = 0; site < 20; ++site) {
    Session other({}, Rng(1).stream("reconnect", site));
    (void)other.start(clock_.now());
    (void)other.on(net::Down{"lost", false}, clock_.now());
    waits.insert((other.wake_at() - clock_.now()).count());
  }
  EXPECT_GT(waits.size(), 10U);
}

TEST_F(SessionTest, PingsOnlyWhenNothingElseWasSent) {
  make_ready();
  clock_.advance(kPingAfter - Milliseconds(1));
  feed(Tick{});
  EXPECT_THAT(last_, IsEmpty());
  feed(wire::Message(work(1)));  // sends Fetch
  clock_.advance(Milliseconds(1));
  feed(Tick{});
  EXPECT_THAT(sent<wire::Ping>(), IsEmpty());
  EXPECT_EQ(session_.wake_at(), clock_.now() + kPingAfter - Milliseconds(1));
  clock_.advance(kPingAfter);
  feed(Tick{});
  EXPECT_THAT(sent<wire::Ping>(), SizeIs(1));
  feed(wire::Message(wire::Ping{}));
  EXPECT_THAT(last_, IsEmpty());
}

TEST_F(SessionTest, AnotherRunIsLoadedAnewAndTheOldUpdatesStay) {
  make_ready();
  train(1);
  feed(net::Down{"lost", false});
  connect();
  welcome_.run_id = std::string(32, 'd');
  feed(wire::Message(welcome_));
  ASSERT_THAT(actions<Load>(), SizeIs(1));
  EXPECT_THAT(actions<Forget>(), IsEmpty());
  EXPECT_EQ(actions<ReadSpool>().at(0).run_id, std::string(32, 'd'));
  feed(TrainerLoaded{actions<Load>()[0].task, facts_});
  EXPECT_THAT(sent<wire::Ready>(), SizeIs(1));
  EXPECT_THAT(sent<wire::Offer>(), IsEmpty());
}

TEST_F(SessionTest, LosingTheLinkWhileLoadingLoadsOnce) {
  connect();
  feed(wire::Message(welcome_));
  const TaskId task = actions<Load>().at(0).task;
  feed(net::Down{"lost", false});
  feed(TrainerLoaded{task, facts_});
  EXPECT_THAT(sent<wire::Ready>(), IsEmpty());
  connect();
  feed(wire::Message(welcome_));
  EXPECT_THAT(actions<Load>(), IsEmpty());
  EXPECT_THAT(sent<wire::Ready>(), SizeIs(1));
}

TEST_F(SessionTest, BrokenProtocolEndsTheSessionNotTheWorker) {
  const std::vector<std::pair<SessionEvent, std::string>> broken{
      {Garbled{"not msgpack"}, "not msgpack"},
      {wire::Message(welcome_), "Welcome was not expected"},
      {wire::Message(wire::Hello{}), "Hello was not expected"},
      {wire::Message(wire::Offer{}), "Offer was not expected"},
      {wire::Message(wire::Work{.round = 1, .adapter_bytes = 5, .train = true}), "5 bytes, expected 40"}};
  make_ready();
  for (const auto& [event, reason] : broken) {
    feed(event);
    EXPECT_FALSE(result());
    EXPECT_THAT(actions<Disconnect>(), SizeIs(1)) << reason;
    EXPECT_THAT(said(), AllOf(HasSubstr(reason), HasSubstr("trying again in")));
    feed(wire::Message(wire::Finished{}));  // from the session that has ended
    EXPECT_THAT(last_, IsEmpty());
    connect();
    feed(wire::Message(welcome_));
    ASSERT_THAT(sent<wire::Ready>(), SizeIs(1));
  }
}

TEST_F(SessionTest, WorkBeforeReadyIsRefused) {
  connect();
  feed(wire::Message(work(1)));
  EXPECT_THAT(said(), HasSubstr("Work was not expected"));
}

TEST_F(SessionTest, FailuresOfTheTrainerAndOfTheDiskEndTheWorker) {
  connect();
  feed(wire::Message(welcome_));
  feed(TaskFailed{actions<Load>().at(0).task, true, "data.csv:3: no label"});
  EXPECT_EQ(result().value_or(WorkerResult{}).outcome, Outcome::misconfigured);
  ASSERT_THAT(sent<wire::Decline>(), SizeIs(1));
  EXPECT_THAT(sent<wire::Decline>()[0].reason, Not(HasSubstr("data.csv")))
      << "the coordinator learns nothing of the data";

  session_ = Session({.site = {"alpha"}}, Rng(1).stream("reconnect"));
  started_ = false;
  make_ready();
  feed(wire::Message(work(1)));
  deliver_adapter();
  feed(Trained{actions<Train>().at(0).task, update(1)});
  feed(DiskFailed{"cannot write x: No space left on device"});
  ASSERT_TRUE(result());
  EXPECT_EQ(result()->outcome, Outcome::failed);
  EXPECT_EQ(result()->exit_code(), 1);
  EXPECT_THAT(result()->reason, HasSubstr("No space left"));
}

TEST_F(SessionTest, StopCancelsAndKeepsTheUpdates) {
  make_ready({update(1)});
  feed(wire::Message(work(2)));
  deliver_adapter();
  feed(StopAsked{});
  EXPECT_THAT(actions<Cancel>(), SizeIs(1));
  EXPECT_THAT(actions<Forget>(), IsEmpty());
  ASSERT_TRUE(result());
  EXPECT_EQ(result()->outcome, Outcome::stopped);
  EXPECT_EQ(result()->exit_code(), 0);
}

}  // namespace
}  // namespace weft::worker
