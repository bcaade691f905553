// A site without the base model: the list, the files, the check, and what breaks in between.
#include "tests/worker/base_support.h"
#include "tests/worker/session_support.h"

namespace weft::worker {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class SessionBaseTest : public SessionTest {
 protected:
  SessionBaseTest() {
    welcome_.base_digest = facts_.base_digest = base_digest(list_);
    begin_with({});
  }
  void begin_with(const Policy& policy) {
    session_ = Session({.site = {"alpha"}, .coordinator = "tcp://there:1", .policy = policy, .fetch_into = "/m/base"},
                       Rng(1).stream("reconnect"));
  }
  void ask() {  // up to the list
    connect();
    feed(wire::Message(welcome_));
    ASSERT_THAT(actions<LookForBase>(), SizeIs(1));
    feed(BaseLooked{.there = false});
    ASSERT_THAT(sent<wire::FetchBase>(), SizeIs(1));
  }
  void open(const std::map<std::string, std::uint64_t>& held = {}) {  // up to the first file
    ask();
    feed(wire::Message(wire::BaseFiles{list_}));
    ASSERT_THAT(actions<OpenBase>(), SizeIs(1));
    EXPECT_EQ(actions<OpenBase>()[0].list, list_);
    feed(BaseOpened{actions<OpenBase>()[0].task, held, ""});
  }
  // All chunks of the file that was asked for; the last event is that of its last.
  void deliver() {
    ASSERT_THAT(sent<wire::FetchFile>(), SizeIs(1));
    wire::ChunkSender sender = sender_of(contents_, sent<wire::FetchFile>()[0]);
    while (!sender.done()) {
      const auto chunk = sender.next();
      feed(wire::Message(*chunk));
      ASSERT_THAT(actions<KeepPiece>(), SizeIs(1));
      EXPECT_EQ(actions<KeepPiece>()[0].bytes, chunk->data);
      ASSERT_THAT(sent<wire::Ack>(), SizeIs(1));
      ASSERT_TRUE(sender.on(sent<wire::Ack>()[0]));
    }
  }
  BaseContents contents_ = small_base();
  BaseList list_ = list_of(contents_);
};

TEST_F(SessionBaseTest, FetchesChecksAndLoads) {
  open();
  for (int file = 0; file < 3; ++file) deliver();
  EXPECT_THAT(actions<Load>(), IsEmpty()) << "before all is verified";
  EXPECT_THAT(sent<wire::FetchFile>(), IsEmpty());
  ASSERT_THAT(actions<InstallBase>(), SizeIs(1));
  feed(BaseChecked{actions<InstallBase>()[0].task, {}});
  EXPECT_THAT(said(), HasSubstr("the base model is verified, and in /m/base"));
  ASSERT_THAT(actions<Load>(), SizeIs(1));
  feed(TrainerLoaded{actions<Load>()[0].task, facts_});
  EXPECT_THAT(sent<wire::Ready>(), SizeIs(1));
}

TEST_F(SessionBaseTest, NothingIsFetchedWhereTheFolderIsThere) {
  connect();
  feed(wire::Message(welcome_));
  feed(BaseLooked{.there = true});
  EXPECT_THAT(sent<wire::FetchBase>(), IsEmpty());
  EXPECT_THAT(actions<Load>(), SizeIs(1));
}

TEST_F(SessionBaseTest, ThePolicyComesFirst) {
  begin_with({.base_digests = {std::string(64, '1')}});
  connect();
  feed(wire::Message(welcome_));
  ASSERT_TRUE(result());
  EXPECT_THAT(result()->reason, HasSubstr("policy.base_digests"));
  EXPECT_THAT(actions<LookForBase>(), IsEmpty());
}

TEST_F(SessionBaseTest, AListOfAnotherModelEndsTheWorker) {
  ask();
  list_[0].digest = std::string(64, '0');
  feed(wire::Message(wire::BaseFiles{list_}));
  ASSERT_TRUE(result());
  EXPECT_EQ(result()->outcome, Outcome::failed);
  EXPECT_THAT(actions<OpenBase>(), IsEmpty());
  EXPECT_THAT(sent<wire::Decline>(), SizeIs(1));
}

TEST_F(SessionBaseTest, ALostLinkGoesOnWhereItWas) {
  open({{"config.json", 300}});
  wire::ChunkSender sender = sender_of(contents_, sent<wire::FetchFile>().at(0));
  feed(wire::Message(*sender.next()));
  feed(wire::Message(*sender.next()));
  feed(net::Down{"the connection was lost", false});
  connect();
  feed(wire::Message(welcome_));
  EXPECT_THAT(actions<LookForBase>(), IsEmpty());
  ASSERT_THAT(sent<wire::FetchFile>(), SizeIs(1));
  EXPECT_EQ(sent<wire::FetchFile>()[0].offset, 2 * wire::kChunkBytes);
}

// Before the list came, and while the part is opened or checked.
TEST_F(SessionBaseTest, ALinkThatIsLostAtAnyStep) {
  ask();
  const auto again = [this] {
    feed(net::Down{"the connection was lost", false});
    connect();
    feed(wire::Message(welcome_));
  };
  again();
  ASSERT_THAT(sent<wire::FetchBase>(), SizeIs(1));
  feed(wire::Message(wire::BaseFiles{list_}));
  const TaskId opening = actions<OpenBase>().at(0).task;
  again();
  EXPECT_THAT(actions<Send>(), IsEmpty());
  feed(net::Down{"the connection was lost", false});
  feed(BaseOpened{opening, {{"config.json", 300}, {"model.safetensors", 5'500'000}}, ""});
  EXPECT_THAT(actions<Send>(), IsEmpty());
  connect();
  feed(wire::Message(welcome_));
  deliver();
  const TaskId checking = actions<InstallBase>().at(0).task;
  again();
  EXPECT_THAT(actions<Send>(), IsEmpty());
  feed(BaseChecked{checking, {}});
  EXPECT_THAT(actions<Load>(), SizeIs(1));
}

TEST_F(SessionBaseTest, AWrongFileIsNamedAndFetchedAgainAtMostThreeTimes) {
  open({{"model.safetensors", 5'500'000}, {"tokenizer.json", 1 << 20}});
  for (int time = 0; time <= BaseFetch::kMostTimes; ++time) {
    ASSERT_FALSE(result());
    deliver();
    ASSERT_THAT(actions<InstallBase>(), SizeIs(1));
    feed(BaseChecked{actions<InstallBase>()[0].task, {"config.json"}});
    EXPECT_THAT(said(), HasSubstr("config.json is not what its digest says"));
    EXPECT_THAT(actions<Load>(), IsEmpty());
  }
  ASSERT_TRUE(result());
  EXPECT_EQ(result()->outcome, Outcome::failed);
  EXPECT_THAT(result()->reason, HasSubstr("config.json"));
}

TEST_F(SessionBaseTest, AnotherRunBeginsAnewAndOldAnswersCountForNothing) {
  open();
  feed(net::Down{"the connection was lost", false});
  connect();
  welcome_.run_id = std::string(32, 'd');
  welcome_.base_digest = std::string(64, 'd');
  feed(wire::Message(welcome_));
  EXPECT_THAT(actions<LookForBase>(), SizeIs(1));
  feed(BaseLooked{.there = false});
  EXPECT_THAT(sent<wire::FetchBase>(), SizeIs(1));
  feed(BaseOpened{1, {}, ""});
  EXPECT_THAT(last_, IsEmpty());
}

TEST_F(SessionBaseTest, WhatWasNotAskedForBreaksTheProtocol) {
  const auto broken = [this](const wire::Message& message) {
    feed(message);
    return said().find("broke the protocol") != std::string::npos;
  };
  const wire::Chunk chunk{.digest = list_[0].digest, .data = {1}};
  connect();
  EXPECT_TRUE(broken(wire::BaseFiles{list_}));
  connect();
  EXPECT_TRUE(broken(chunk));
  open();
  EXPECT_TRUE(broken(wire::BaseFiles{list_})) << "a second list";
  connect();
  feed(wire::Message(welcome_));
  EXPECT_TRUE(broken(work(1)));
  connect();
  feed(wire::Message(welcome_));
  feed(wire::Message(wire::Chunk{.digest = list_[0].digest, .offset = 5, .data = {1}}));
  EXPECT_THAT(said(), HasSubstr("leaves a gap"));
}

TEST_F(SessionBaseTest, NoRoomEndsTheWorkerAndTheCoordinatorHearsNothingOfTheDisk) {
  ask();
  feed(wire::Message(wire::BaseFiles{list_}));
  feed(TaskFailed{actions<OpenBase>().at(0).task, false, "12 MiB free on the disk of /m"});
  ASSERT_TRUE(result());
  EXPECT_THAT(result()->reason, HasSubstr("12 MiB free"));
  ASSERT_THAT(sent<wire::Decline>(), SizeIs(1));
  EXPECT_EQ(sent<wire::Decline>()[0].reason, "it cannot take the base model; its own log says why");
}

TEST_F(SessionBaseTest, PeopleAreTold) {
  ask();
  feed(wire::Message(wire::BaseFiles{list_}));
  feed(BaseOpened{actions<OpenBase>().at(0).task, {{"config.json", 300}}, "tight"});
  EXPECT_THAT(said(), AllOf(HasSubstr("tight"), HasSubstr("3 files, 300 B of 6.2 MiB are here")));
  clock_.advance(kProgressEvery);
  feed(wire::Message(*sender_of(contents_, sent<wire::FetchFile>().at(0)).next()));
  EXPECT_THAT(said(), HasSubstr("10 %"));
  ASSERT_THAT(sent<wire::Progress>(), SizeIs(1));
  EXPECT_EQ(sent<wire::Progress>()[0].stage, "fetching");
  EXPECT_EQ(sent<wire::Progress>()[0].done, 300 + wire::kChunkBytes);
  EXPECT_EQ(sent<wire::Progress>()[0].total, total_bytes(list_));
}

}  // namespace
}  // namespace weft::worker
