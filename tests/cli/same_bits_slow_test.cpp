// The same adapter, bit for bit, however the run was run: one process, many, in another order of arrival, with workers
// and coordinator killed in the middle.
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/cli/job_support.h"

namespace weft::cli {
namespace {

using Parts = std::vector<std::string>;

// Steps enough that a signal arrives while a site trains.
constexpr JobSize kSize{.rounds = 2, .local_steps = 150};

class SameBitsTest : public DeployedTest {
 protected:
  SameBitsTest() : DeployedTest(kSize) {}
  void expect_proven(const std::string& run) {
    const std::filesystem::path folder = job_.place / run;
    Arguments arguments{"ledger", "verify", folder.string()};
    for (const char* site : {"alder", "birch", "cedar"})
      arguments.insert(arguments.end(), {"--receipts", (folder / "sites" / site).string()});
    const Ended proven = weft(arguments);
    EXPECT_EQ(proven.code, 0) << proven.out << proven.err;
    EXPECT_NE(proven.out.find("6 receipts: all holds"), std::string::npos) << proven.out;
  }
};

TEST_F(SameBitsTest, OneProcessAndOneProcessASite) {
  const Ended ended = job_.simulate("processes", {"--processes"});
  ASSERT_EQ(ended.code, 0) << ended.out << ended.err;
  EXPECT_EQ(job_.adapter_sha256("processes"), job_.adapter_sha256("reference"));
  expect_proven("processes");
  const Ended reference = weft({"ledger", "verify", (job_.place / "reference").string()});
  EXPECT_EQ(reference.code, 0) << reference.out;
  EXPECT_NE(reference.out.find("NOT SIGNED"), std::string::npos) << reference.out;
  // Another seed gives another adapter: the digest does tell adapters apart.
  ASSERT_EQ(job_.simulate("other", {"--set", "seed=12"}).code, 0);
  EXPECT_NE(job_.adapter_sha256("other"), job_.adapter_sha256("reference"));
}

TEST_F(SameBitsTest, AKilledLauncherLeavesNothingForOthersToReadAndIsResumed) {
  const std::filesystem::path left = job_.place / "killed/processes";
  {
    Weft launcher({"simulate", job_.run_file().string(), "--out", job_.place / "killed", "--processes", "--json"});
    ASSERT_TRUE(launcher.wait_for({"update_accepted", "\"round\":1"})) << launcher.said();
    launcher.signal(SIGKILL);
    launcher.wait();  // for its children too: they have its stdout
  }
  ASSERT_TRUE(std::filesystem::exists(left / "alder.jsonl"));
  const auto others = std::filesystem::perms::group_all | std::filesystem::perms::others_all;
  EXPECT_EQ(std::filesystem::status(left).permissions() & others, std::filesystem::perms::none);
  EXPECT_EQ(std::filesystem::status(left / "alder.jsonl").permissions() & others, std::filesystem::perms::none);
  const Ended ended = job_.simulate("killed", {"--processes", "--resume"});
  ASSERT_EQ(ended.code, 0) << ended.out << ended.err;
  EXPECT_EQ(job_.adapter_sha256("killed"), job_.adapter_sha256("reference"));
  expect_proven("killed");
  EXPECT_FALSE(std::filesystem::exists(left));
}

TEST_F(SameBitsTest, AnyOrderOfArrival) {
  const auto coordinator = deployment_.coordinator();
  start_workers();
  // In each round another site is held back until the others' updates are in.
  const std::string held[] = {"alder", "cedar"};
  for (int round = 1; round <= kSize.rounds; ++round) {
    const std::string number = "\"round\":" + std::to_string(round);
    ASSERT_TRUE(coordinator->wait_for({"round_started", number})) << coordinator->said();
    const Weft& last = *workers_[held[round - 1]];
    last.signal(SIGSTOP);
    for (int others = 0; others < 2; ++others)
      ASSERT_TRUE(coordinator->wait_for({"update_accepted", number})) << coordinator->said();
    last.signal(SIGCONT);
  }
  expect_same_result(*coordinator);
}

TEST_F(SameBitsTest, AWorkerKilledInTraining) {
  const auto coordinator = deployment_.coordinator();
  start_workers();
  for (const char* version : {"\"version\":0", "\"version\":1"}) {
    // Its score of the version it starts from is the last that it says before it trains.
    ASSERT_TRUE(coordinator->wait_for({"site_scored", "birch", version})) << coordinator->said();
    workers_["birch"]->signal(SIGKILL);
    EXPECT_EQ(workers_["birch"]->wait().code, 128 + SIGKILL);
    workers_["birch"] = deployment_.worker("birch");
  }
  expect_same_result(*coordinator);
}

// Kills the coordinator when it says this, and resumes it, again and again.
class CoordinatorKilledTest : public SameBitsTest, public testing::WithParamInterface<std::vector<Parts>> {};

TEST_P(CoordinatorKilledTest, AndResumed) {
  auto coordinator = deployment_.coordinator();
  start_workers();
  for (const Parts& phase : GetParam()) {
    ASSERT_TRUE(coordinator->wait_for(phase)) << phase.front() << "\n" << coordinator->said();
    coordinator->signal(SIGKILL);
    if (coordinator->wait().code == 0) break;  // it had said its last word
    coordinator = deployment_.coordinator({"--resume"});
  }
  expect_same_result(*coordinator);
}

const std::vector<Parts> kPhases{
    {"site_joined", "cedar"},           {"round_started", "\"round\":1"},      {"site_scored", "\"version\":0"},
    {"update_accepted", "\"round\":1"}, {"round_committed", "\"round\":1"},    {"site_scored", "\"version\":1"},
    {"update_accepted", "\"round\":2"}, {"site_scored", "\"split\":\"test\""}, {"run_finished"}};

std::vector<std::vector<Parts>> each_alone() {
  std::vector<std::vector<Parts>> all;
  for (const Parts& phase : kPhases) all.push_back({phase});
  return all;
}
INSTANTIATE_TEST_SUITE_P(EachPhase, CoordinatorKilledTest, testing::ValuesIn(each_alone()));
INSTANTIATE_TEST_SUITE_P(AllPhases, CoordinatorKilledTest, testing::Values(kPhases));

}  // namespace
}  // namespace weft::cli
