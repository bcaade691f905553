// What a run may ask of a site is counted on disk, before it is done.
#include "worker/run_counts.h"

#include <filesystem>

#include "common/base/file.h"
#include "tests/worker/session_support.h"

namespace weft::worker {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Asker kAsker{.coordinator = "fl.example.org", .run = "sentiment"};

class RunCountsTest : public SessionTest {
 protected:
  RunCountsTest() { std::filesystem::create_directories(folder_); }
  ~RunCountsTest() override { std::filesystem::remove_all(folder_); }
  const std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) / ("weft_run_counts_" + std::to_string(::getpid()));
};

TEST_F(RunCountsTest, SurviveOnDiskByCoordinatorAndRun) {
  EXPECT_EQ(read_counts(folder_, kAsker).value(), RunCounts{});
  ASSERT_TRUE(write_counts(folder_, kAsker, {.trainings = 3, .scorings = 7}));
  EXPECT_EQ(read_counts(folder_, kAsker).value(), (RunCounts{.trainings = 3, .scorings = 7}));
  EXPECT_EQ(read_counts(folder_, {"fl.example.org", "other"}).value(), RunCounts{});
  EXPECT_EQ(read_counts(folder_, {"fl.example.com", "sentiment"}).value(), RunCounts{});
  EXPECT_EQ(read_text(counts_file(folder_, kAsker)).value(),
            "{\"coordinator\":\"fl.example.org\",\"run\":\"sentiment\",\"trainings\":3,\"scorings\":7}\n");
}

// A peer chose it.
TEST_F(RunCountsTest, AnyNameIsAFileInTheFolder) {
  for (const char* run : {"../../up", "a/b", "", "\xff\xfe", "."}) {
    const Asker asker{"fl.example.org", run};
    EXPECT_EQ(counts_file(folder_, asker).parent_path(), folder_);
    ASSERT_TRUE(write_counts(folder_, asker, {.trainings = 1})) << run;
    EXPECT_EQ(read_counts(folder_, asker).value(), (RunCounts{.trainings = 1})) << run;
  }
}

TEST_F(RunCountsTest, ARunIdOfItsOwnDoesNotCountAnew) {
  make_ready();
  train(1);
  welcome_.run_id = std::string(32, 'd');
  feed(net::Down{"the connection was lost", false});
  connect();
  feed(wire::Message(welcome_));
  ASSERT_THAT(actions<Load>(), SizeIs(1));
  ASSERT_THAT(actions<ReadSpool>(), SizeIs(1));
  EXPECT_EQ(actions<ReadSpool>()[0].run_id, welcome_.run_id);
  EXPECT_EQ(actions<ReadSpool>()[0].asker, (Asker{"fl.example.org", welcome_.run}));
}

TEST_F(RunCountsTest, TheSameRunFromAnotherCoordinatorIsCountedForThatOne) {
  make_ready();
  coordinator_ = "fl.example.com";
  feed(net::Down{"the connection was lost", false});
  connect();
  feed(wire::Message(welcome_));
  ASSERT_THAT(actions<Load>(), SizeIs(1)) << "it begins anew";
  ASSERT_THAT(actions<ReadSpool>(), SizeIs(1));
  EXPECT_EQ(actions<ReadSpool>()[0].asker, (Asker{"fl.example.com", welcome_.run}));
}

TEST_F(RunCountsTest, AFileThatIsNotOursIsNotZero) {
  for (const char* bad : {"", "{}", "[1,2]", "{\"trainings\":1}", "{\"trainings\":-1,\"scorings\":0}",
                          "{\"trainings\":18446744073709551615,\"scorings\":0}"}) {
    const std::filesystem::path file = counts_file(folder_, kAsker);
    ASSERT_TRUE(write_atomic(file, as_bytes(std::string(bad))));
    const Result<RunCounts> counts = read_counts(folder_, kAsker);
    ASSERT_FALSE(counts) << bad;
    EXPECT_THAT(counts.error().message, HasSubstr(file.string()));
  }
}

TEST_F(RunCountsTest, EachScoringAndTrainingIsCountedBeforeItBegins) {
  make_ready();
  feed(wire::Message(work(1, {"validation", "test"})));
  deliver_adapter();
  ASSERT_THAT(last_, SizeIs(3));  // Ack, Count, Score
  EXPECT_EQ(std::get<Count>(last_[1]).counts, (RunCounts{.scorings = 1}));
  EXPECT_EQ(std::get<Count>(last_[1]).asker, (Asker{"fl.example.org", welcome_.run}));
  ASSERT_TRUE(std::holds_alternative<Score>(last_[2]));
  feed(Scored{actions<Score>()[0].task, {}});
  ASSERT_THAT(actions<Count>(), SizeIs(1)) << "the test split is empty";
  EXPECT_EQ(actions<Count>()[0].counts, (RunCounts{.trainings = 1, .scorings = 1}));
  ASSERT_THAT(actions<Train>(), SizeIs(1));
  // The same round from another adapter is another training.
  wire::Work other = work(1);
  other.adapter_digest = std::string(64, '7');
  feed(wire::Message(other));
  EXPECT_THAT(actions<Count>(), IsEmpty()) << "nothing begins before the adapter is here";
  feed(wire::Message(work(1)));
  deliver_adapter();
  ASSERT_THAT(actions<Train>(), SizeIs(1));
  EXPECT_EQ(actions<Count>().at(0).counts, (RunCounts{.trainings = 2, .scorings = 1}));
}

TEST_F(RunCountsTest, ALimitHoldsAfterTheWorkerWasStartedAgain) {
  limit({.max_trainings = 4});
  connect();
  load({}, {.trainings = 3});
  train(1);
  EXPECT_FALSE(result());
  feed(wire::Message(work(2)));
  EXPECT_THAT(actions<Train>(), IsEmpty());
  ASSERT_TRUE(result());
  EXPECT_EQ(result()->exit_code(), 2);
  EXPECT_THAT(result()->reason, HasSubstr("policy.max_trainings"));
  ASSERT_THAT(sent<wire::Decline>(), SizeIs(1));
  EXPECT_THAT(sent<wire::Decline>()[0].reason, HasSubstr("policy.max_trainings"));
}

TEST_F(RunCountsTest, ScoringsHaveALimitOfTheirOwn) {
  limit({.max_scorings = 2});
  connect();
  load({}, {.scorings = 2});
  feed(wire::Message(work(1, {"validation"})));
  deliver_adapter();
  EXPECT_THAT(actions<Score>(), IsEmpty());
  ASSERT_TRUE(result());
  EXPECT_THAT(result()->reason, HasSubstr("policy.max_scorings"));
}

TEST_F(RunCountsTest, WhatCannotBeCountedIsNotDone) {
  make_ready();
  feed(DiskFailed{"what the run asks cannot be counted: disk full"});
  ASSERT_TRUE(result());
  EXPECT_EQ(result()->exit_code(), 1);
}

}  // namespace
}  // namespace weft::worker
