// What weft doctor says of a sound deployment, and of one fault after the other.
#include <gtest/gtest.h>
#include <signal.h>

#include "common/base/folder_lock.h"
#include "common/crypto/revocation.h"
#include "tests/cli/job_support.h"
#include "worker/run_counts.h"

namespace weft::cli {
namespace {

class DoctorTest : public testing::Test {
 protected:
  nlohmann::json of_run(int code, const Arguments& more = {}, const std::string& out = "deployed") {
    Arguments arguments{"doctor", job_.run_file(),  "--pki", deployment_.pki(),
                        "--out",  job_.place / out, "--set", "network.listen=" + deployment_.endpoint()};
    return ask(std::move(arguments), code, more);
  }
  nlohmann::json of_site(int code, const Arguments& more = {}) {
    return ask({"doctor", deployment_.site_file("alder")}, code, more);
  }
  static nlohmann::json ask(Arguments arguments, int code, const Arguments& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
    arguments.emplace_back("--json");
    const Ended ended = weft(arguments);
    EXPECT_EQ(ended.code, code) << ended.out << ended.err;
    const nlohmann::json told = nlohmann::json::parse(ended.out, nullptr, false);
    EXPECT_EQ(told.value("sound", false), code == 0);
    return told;
  }
  // "ok: text" of a check.
  static std::string line(const nlohmann::json& told, const std::string& check) {
    for (const auto& each : told.value("checks", nlohmann::json::array()))
      if (each.at("check") == check)
        return each.at("health").get<std::string>() + ": " + each.at("text").get<std::string>();
    return "not checked";
  }
  static void expect(const std::string& line, const std::string& health, const std::vector<std::string>& parts) {
    EXPECT_EQ(line.substr(0, line.find(':')), health) << line;
    for (const std::string& part : parts)
      EXPECT_NE(line.find(part), std::string::npos) << part << " is not in " << line;
  }

  Job job_;
  Deployment deployment_{job_};
};

TEST_F(DoctorTest, ACoordinatorThatMayStart) {
  const auto before = tree(job_.place.path());
  const nlohmann::json told = of_run(0);
  expect(line(told, "certificate"), "ok", {"\"coordinator\"", "valid for 8"});
  expect(line(told, "revocations"), "ok", {"nobody is revoked"});
  expect(line(told, "sites"), "ok", {"3 listed, certificates of 3"});
  expect(line(told, "address"), "ok", {deployment_.endpoint()});
  expect(line(told, "versions"), "ok", {"libtorch", "openssl", "zeromq", "weft 0."});
  expect(line(told, "device"), "ok", {"cpu"});
  expect(line(told, "base model"), "ok", {"complete, digest "});
  expect(line(told, "data"), "ok", {"3 sites"});
  expect(line(told, "disk"), "ok", {"free on the disk", "2 versions of an adapter"});
  EXPECT_NE(line(told, "clock"), "not checked");
  EXPECT_EQ(tree(job_.place.path()), before) << "it wrote something";
}

TEST_F(DoctorTest, WhatStandsInTheWayOfACoordinator) {
  const auto running = deployment_.coordinator();
  ASSERT_TRUE(running->wait_for({"waits for"})) << running->said();
  expect(line(of_run(0), "address"), "ok", {"a coordinator is running"});
  expect(line(of_run(1, {}, "other"), "address"), "problem", {"in use", "another port"});
  running->signal(SIGTERM);
  running->wait();
  expect(line(of_run(0), "disk"), "warning", {"already holds run \"tiny\"", "--resume"});
  expect(line(of_run(1, {"--set", "rounds.count=101"}), "disk"), "problem", {"other settings: rounds.count"});
  const std::filesystem::path version = job_.place / "deployed/versions/0000.safetensors";
  std::filesystem::rename(version, version.string() + ".kept");
  expect(line(of_run(1), "disk"), "problem", {"0000.safetensors"});
  std::filesystem::rename(version.string() + ".kept", version);
  crypto::revoke(deployment_.pki(), "birch");
  const nlohmann::json revoked = of_run(0);
  expect(line(revoked, "revocations"), "ok", {"1 revoked"});
  expect(line(revoked, "sites"), "warning", {"\"birch\" is revoked, but listed"});
  std::filesystem::resize_file(job_.model() / "model.safetensors", 1000);
  const nlohmann::json torn = of_run(1);
  expect(line(torn, "base model"), "problem", {"model.safetensors"});
  expect(line(torn, "disk"), "warning", {"not checked"});
  expect(line(of_run(1, {"--set", "rounds.cuont=3"}), "file"), "problem", {"cuont", "count"});
}

TEST_F(DoctorTest, AFolderThatHasLostItsLedger) {
  for (const std::string left : {"summary.json", "versions/0003.safetensors"}) {
    const std::string out = "lost-" + std::filesystem::path(left).stem().string();
    std::filesystem::create_directories((job_.place / out / left).parent_path());
    spit(job_.place / out / left, "");
    expect(line(of_run(1, {}, out), "disk"), "problem", {left, "no ledger.sqlite", "choose another folder"});
  }
}

TEST_F(DoctorTest, ARunThatIsToGoOnInItsFolder) {
  const auto running = deployment_.coordinator();
  ASSERT_TRUE(running->wait_for({"waits for"})) << running->said();
  running->signal(SIGTERM);
  running->wait();
  const std::filesystem::path incoming = job_.place / "deployed/incoming";
  std::filesystem::create_directories(incoming);
  spit(incoming / "alder.part", "");
  std::filesystem::resize_file(incoming / "alder.part", 1 << 30);  // more than the run can need
  expect(line(of_run(0), "disk"), "warning", {"go on with it by --resume", " 0 B needed"});
  edit(job_.model() / "config.json", "\"layer_norm_eps\": 1e-12", "\"layer_norm_eps\": 1e-11");
  expect(line(of_run(1), "disk"), "problem", {"base model digest", "resume with the base model it was begun with"});
}

TEST_F(DoctorTest, LimitsThatLeaveNoPrecision) {
  expect(line(of_run(0), "aggregation"), "ok", {"3 sites"});
  expect(line(of_run(1, {"--set", "aggregation.max_examples=1000000000000"}), "aggregation"), "problem",
         {"max_examples", "lower them"});
}

TEST_F(DoctorTest, AStartThatIsOfAnotherBaseModel) {
  ASSERT_EQ(job_.simulate("first").code, 0);
  const std::string text = slurp(job_.run_file());
  const std::size_t block = text.find("adapter:\n"), next = text.find("train:\n");
  spit(job_.run_file(), text.substr(0, block) + "adapter: {start: first}\n" + text.substr(next));
  expect(line(of_run(0), "base model"), "ok", {"complete"});
  edit(job_.model() / "config.json", "\"layer_norm_eps\": 1e-12", "\"layer_norm_eps\": 1e-11");
  expect(line(of_run(1), "base model"), "problem", {"adapter.start", "was trained on a base model with digest"});
}

TEST_F(DoctorTest, ASiteThatWasAskedAllThatItAllows) {
  const auto coordinator = deployment_.coordinator();
  ASSERT_TRUE(coordinator->wait_for({"waits for"})) << coordinator->said();
  const std::filesystem::path state = job_.place / "state/alder";
  std::filesystem::create_directories(state);
  ASSERT_TRUE(worker::write_counts(state, {"coordinator", "tiny"}, {.trainings = 3, .scorings = 5}));
  expect(line(of_site(0, {"--set", "policy.max_trainings=4"}), "policy"), "ok", {"accepts the run"});
  expect(line(of_site(0, {"--set", "policy.max_trainings=3"}), "policy"), "warning", {"policy.max_trainings"});
  expect(line(of_site(0, {"--set", "policy.max_scorings=5"}), "policy"), "warning", {"policy.max_scorings"});
}

TEST_F(DoctorTest, ASiteBeforeAndWhileTheCoordinatorRuns) {
  const nlohmann::json alone = of_site(1);
  expect(line(alone, "coordinator"), "problem", {deployment_.endpoint(), "nothing listens there", "outgoing TCP"});
  expect(line(alone, "base model"), "ok", {"digest", "not known without the coordinator"});
  expect(line(alone, "data"), "ok", {"1 files", "readable"});
  expect(line(alone, "policy"), "warning", {"not checked"});

  const auto coordinator = deployment_.coordinator();
  ASSERT_TRUE(coordinator->wait_for({"waits for"})) << coordinator->said();
  const nlohmann::json told = of_site(0);
  expect(line(told, "certificate"), "ok", {"\"alder\", site"});
  expect(line(told, "coordinator"), "ok", {"verified in", "run \"tiny\"", "lists this site"});
  expect(line(told, "base model"), "ok", {"that of the run"});
  expect(line(told, "data"), "ok", {"kept", "train ", "validation "});
  expect(line(told, "policy"), "ok", {"accepts the run"});
  expect(line(told, "disk"), "ok", {"two finished updates"});
  EXPECT_NE(line(told, "clock").find("\"coordinator\""), std::string::npos);

  expect(line(of_site(1, {"--set", "policy.max_local_steps=5"}), "policy"), "problem", {"max_local_steps"});
  expect(line(of_site(1, {"--set", "state=/etc/passwd/state"}), "disk"), "problem", {"/etc/passwd is not a folder"});
  expect(line(of_site(1, {"--set", "data.text=comment"}), "data"), "problem", {"alder.tsv", "comment"});
  expect(line(of_site(1, {"--set", "device=cuda:77"}), "device"), "problem", {"cuda:77"});
  std::filesystem::copy(job_.model(), job_.place / "model2");
  edit(job_.place / "model2/config.json", "\"layer_norm_eps\": 1e-12", "\"layer_norm_eps\": 1e-11");
  expect(line(of_site(1, {"--set", "model.path=" + (job_.place / "model2").string()}), "base model"), "problem",
         {"the run's is"});
}

TEST_F(DoctorTest, ASiteWhoseWorkerRunsIsNotDisturbed) {
  std::filesystem::create_directories(job_.place / "state/alder");
  const FolderLock worker(job_.place / "state/alder", "this test");
  expect(line(of_site(0), "coordinator"), "ok", {"not called", "a worker is running"});
}

TEST_F(DoctorTest, AProblemIsToldOnce) {
  spit(std::filesystem::path(deployment_.pki()) / "alder.crt", "no certificate");
  const nlohmann::json told = of_site(1);
  expect(line(told, "certificate"), "problem", {"alder.crt", "not a PEM certificate"});
  for (const char* check : {"coordinator", "clock"})
    EXPECT_EQ(line(told, check), "warning: not checked: see \"certificate\"");
}

TEST_F(DoctorTest, PeopleReadOneLineACheck) {
  const Ended ended = weft({"doctor", deployment_.site_file("alder")});
  EXPECT_EQ(ended.code, 1);
  EXPECT_NE(ended.out.find("ok       certificate  \"alder\""), std::string::npos) << ended.out;
  EXPECT_NE(ended.out.find("problem  coordinator  tcp://"), std::string::npos) << ended.out;
}

}  // namespace
}  // namespace weft::cli
