// What signals do to a run: a stop that loses nothing, and files that are read anew.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>

#include "tests/cli/job_support.h"

namespace weft::cli {
namespace {

class SignalsTest : public DeployedTest {
 protected:
  SignalsTest() : DeployedTest({.rounds = 3, .local_steps = 150}) {}
};

TEST_F(SignalsTest, EitherSideIsStoppedAndGoesOnWithTheSameBits) {
  auto coordinator = deployment_.coordinator();
  start_workers();
  ASSERT_TRUE(coordinator->wait_for({"round_committed", "\"round\":1"})) << coordinator->said();
  coordinator->signal(SIGTERM);
  EXPECT_EQ(coordinator->wait().code, 0);
  EXPECT_NE(coordinator->said().find("--resume goes on from the last committed round"), std::string::npos);
  coordinator = deployment_.coordinator({"--resume"});
  ASSERT_TRUE(coordinator->wait_for({"update_accepted", "\"round\":2"})) << coordinator->said();
  workers_["birch"]->signal(SIGTERM);
  EXPECT_EQ(workers_["birch"]->wait().code, 0);
  EXPECT_NE(workers_["birch"]->said().find("it goes on with what is in"), std::string::npos)
      << workers_["birch"]->said();
  workers_["birch"] = deployment_.worker("birch");
  expect_same_result(*coordinator);
}

TEST_F(SignalsTest, AFinishedUpdateOfAStoppedWorkerIsNotTrainedAgain) {
  auto coordinator = deployment_.coordinator();
  start_workers();
  // Its update is here, and the round is open for as long as cedar stands still.
  ASSERT_TRUE(coordinator->wait_for({"round_started", "\"round\":1"})) << coordinator->said();
  workers_["cedar"]->signal(SIGSTOP);
  ASSERT_TRUE(coordinator->wait_for({"update_accepted", "birch"})) << coordinator->said();
  workers_["birch"]->signal(SIGTERM);
  EXPECT_EQ(workers_["birch"]->wait().code, 0);
  const auto kept = tree(job_.place / "state/birch");
  EXPECT_TRUE(
      std::any_of(kept.begin(), kept.end(), [](const auto& file) { return file.first.ends_with("-1.update"); }));
  workers_["birch"] = deployment_.worker("birch");
  ASSERT_TRUE(coordinator->wait_for({"site_joined", "birch"})) << coordinator->said();
  workers_["cedar"]->signal(SIGCONT);
  expect_same_result(*coordinator);
}

class ReloadTest : public SignalsTest {
 protected:
  // A deployment's run file has no data; sites may come and go.
  ReloadTest() {
    std::string text = slurp(job_.run_file());
    spit(run_file(), text.substr(0, text.find("data:\n")));
    edit(run_file(), "rounds:\n", "rounds:\n  quorum: 0.5\n");
  }
  std::filesystem::path run_file() const { return job_.place / "deployment.yaml"; }
  std::unique_ptr<Weft> serve(const Arguments& more = {}) const {
    Arguments arguments{"coordinator",     run_file(), "--out",
                        deployment_.out(), "--pki",    deployment_.pki(),
                        "--json",          "--set",    "network.listen=" + deployment_.endpoint()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return std::make_unique<Weft>(arguments);
  }
  nlohmann::json cohort(std::size_t round) const {
    return job_.summary("deployed").at("rounds").at(round - 1).at("cohort");
  }
};

TEST_F(ReloadTest, SitesChangeFromTheNextRoundOnAndNothingElseDoes) {
  edit(run_file(), "sites: [alder, birch, cedar]", "sites: [alder, birch]");
  auto coordinator = serve();
  for (const char* site : {"alder", "birch"}) workers_[site] = deployment_.worker(site);
  ASSERT_TRUE(coordinator->wait_for({"round_started", "\"round\":1"})) << coordinator->said();
  edit(run_file(), "sites: [alder, birch]", "sites: [birch, cedar]");
  edit(run_file(), "count: 3", "count: 4");
  coordinator->signal(SIGHUP);
  ASSERT_TRUE(coordinator->wait_for({"rounds.count: 3 there, 4 now", "not changed"})) << coordinator->said();
  ASSERT_TRUE(coordinator->wait_for({"from the next round on", "birch, cedar"})) << coordinator->said();
  workers_["cedar"] = deployment_.worker("cedar");
  EXPECT_EQ(workers_["alder"]->wait().code, 2);
  EXPECT_NE(workers_["alder"]->said().find("not listed"), std::string::npos) << workers_["alder"]->said();
  EXPECT_EQ(coordinator->wait().code, 0) << coordinator->said();
  EXPECT_EQ(cohort(1), nlohmann::json({"alder", "birch"}));
  EXPECT_EQ(cohort(2), nlohmann::json({"birch", "cedar"}));
  EXPECT_EQ(cohort(3), nlohmann::json({"birch", "cedar"}));
  for (const char* site : {"birch", "cedar"}) EXPECT_EQ(workers_[site]->wait().code, 0) << workers_[site]->said();
}

TEST_F(ReloadTest, ARevokedSiteIsPutOutAndTheRunGoesOn) {
  const auto coordinator = serve();
  start_workers();
  ASSERT_TRUE(coordinator->wait_for({"site_scored", "birch", "\"version\":0"})) << coordinator->said();
  const Ended revoked = weft({"pki", "revoke", "birch", "--folder", deployment_.pki()});
  EXPECT_EQ(revoked.code, 0) << revoked.err;
  workers_["cedar"]->signal(SIGSTOP);  // so that the run is still there when birch comes back
  coordinator->signal(SIGHUP);
  ASSERT_TRUE(coordinator->wait_for({"1 revoked; shut out birch"})) << coordinator->said();
  EXPECT_EQ(workers_["birch"]->wait().code, 2);
  workers_["cedar"]->signal(SIGCONT);
  EXPECT_EQ(coordinator->wait().code, 0) << coordinator->said();
  EXPECT_NE(workers_["birch"]->said().find("revoked"), std::string::npos) << workers_["birch"]->said();
  for (const char* site : {"alder", "cedar"}) EXPECT_EQ(workers_[site]->wait().code, 0) << workers_[site]->said();
  EXPECT_NE(job_.summary("deployed").dump().find("revoked"), std::string::npos);
}

// Past its deadline a round waits for birch, without whom it has no quorum: one signal takes birch off.
TEST_F(ReloadTest, ARevokedSiteThatIsNotListedAnyMoreIsNotWaitedFor) {
  const auto coordinator = serve({"--set", "rounds.quorum=1", "--set", "rounds.deadline=2s"});
  workers_["birch"] = deployment_.worker("birch");
  ASSERT_TRUE(coordinator->wait_for({"site_joined", "birch"})) << coordinator->said();
  workers_["birch"]->signal(SIGSTOP);
  for (const char* site : {"alder", "cedar"}) workers_[site] = deployment_.worker(site);
  ASSERT_TRUE(coordinator->wait_for({"the deadline has passed"})) << coordinator->said();
  edit(run_file(), "sites: [alder, birch, cedar]", "sites: [alder, cedar]");
  const Ended revoked = weft({"pki", "revoke", "birch", "--folder", deployment_.pki()});
  EXPECT_EQ(revoked.code, 0) << revoked.err;
  coordinator->signal(SIGHUP);
  EXPECT_EQ(coordinator->wait().code, 0) << coordinator->said();
  EXPECT_EQ(cohort(1), nlohmann::json({"alder", "cedar"}));
}

TEST_F(ReloadTest, AFileThatCannotBeReadChangesNothing) {
  const auto coordinator = serve();
  start_workers();
  ASSERT_TRUE(coordinator->wait_for({"round_started", "\"round\":1"})) << coordinator->said();
  edit(run_file(), "seed:", "sead:");
  spit(deployment_.pki() / "ca.crl", "nonsense");
  coordinator->signal(SIGHUP);
  ASSERT_TRUE(coordinator->wait_for({"sead", "as it was read before"})) << coordinator->said();
  ASSERT_TRUE(coordinator->wait_for({"ca.crl", "the list read before still counts"})) << coordinator->said();
  edit(run_file(), "sead:", "seed:");
  std::filesystem::remove(deployment_.pki() / "ca.crl");
  EXPECT_EQ(coordinator->wait().code, 0) << coordinator->said();
}

}  // namespace
}  // namespace weft::cli
