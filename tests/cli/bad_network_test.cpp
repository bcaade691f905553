// Mistakes that only a deployment can make: ports, certificates, names, base models that differ.
#include <gtest/gtest.h>

#include "common/crypto/pki.h"
#include "tests/cli/job_support.h"

namespace weft::cli {
namespace {

using crypto::Role;

class BadNetworkTest : public testing::Test {
 protected:
  void replace_certificate(const std::string& site, const crypto::IssueOptions& options) {
    for (const char* ending : {".crt", ".key"}) std::filesystem::remove(deployment_.pki() / (site + ending));
    crypto::issue(deployment_.pki(), options);
  }
  Job job_;
  Deployment deployment_{job_};
};

TEST_F(BadNetworkTest, PortInUse) {
  const auto first = deployment_.coordinator();
  ASSERT_TRUE(first->wait_for({"waits for"})) << first->said();
  const Ended ended = weft({"coordinator", job_.run_file(), "--out", job_.place / "second", "--pki", deployment_.pki(),
                            "--set", "network.listen=" + deployment_.endpoint()});
  expect_one_error(ended, 1, {deployment_.endpoint(), "in use", "another port"});
  EXPECT_FALSE(std::filesystem::exists(job_.place / "second"));
}

TEST_F(BadNetworkTest, CredentialsThatCannotWork) {
  const auto worker_says = [&](const std::vector<std::string>& parts) {
    SCOPED_TRACE(parts.front());
    expect_one_error(deployment_.worker("alder")->wait(), 2, parts);
  };
  const auto yesterday = std::chrono::system_clock::now() - std::chrono::hours(48);
  replace_certificate("alder", {.name = "alder", .valid_days = 1, .issued_at = yesterday});
  worker_says({"alder.crt", "expired", "weft pki issue"});
  // Signed by another CA than the one whose certificate is beside it.
  crypto::init_ca(job_.place / "other");
  crypto::issue(job_.place / "other", {.name = "alder"});
  for (const char* name : {"alder.crt", "alder.key"})
    std::filesystem::copy_file(job_.place / "other" / name, deployment_.pki() / name,
                               std::filesystem::copy_options::overwrite_existing);
  worker_says({"alder.crt", "another CA"});
  edit(deployment_.site_file("alder"), "site: alder", "site: birch");
  edit(deployment_.site_file("alder"), "pki/ca.crt", "other/ca.crt");
  worker_says({"birch", "the certificate", "is of \"alder\""});
  std::filesystem::remove(deployment_.pki() / "alder.key");
  worker_says({"alder.key"});
}

TEST_F(BadNetworkTest, PeersThatTheCoordinatorRefuses) {
  const auto coordinator = deployment_.coordinator();
  ASSERT_TRUE(coordinator->wait_for({"waits for"})) << coordinator->said();
  // Everything of this worker fits together, but it is of another federation.
  crypto::init_ca(job_.place / "other");
  crypto::issue(job_.place / "other", {.name = "alder"});
  for (int i = 0; i < 3; ++i) edit(deployment_.site_file("alder"), "pki/", "other/");
  expect_one_error(deployment_.worker("alder")->wait(), 2, {"certificate"});
  // A certificate of this federation whose name the run does not list.
  crypto::issue(deployment_.pki(), {.name = "dogwood"});
  deployment_.write_site_file("dogwood", deployment_.endpoint());
  spit(job_.data_of("dogwood"), slurp(job_.data_of("alder")));
  expect_one_error(deployment_.worker("dogwood")->wait(), 2, {"dogwood", "not", "list"});
  // The right certificate, another base model.
  std::filesystem::copy(job_.model(), job_.place / "model2");
  edit(job_.place / "model2/config.json", "\"layer_norm_eps\": 1e-12", "\"layer_norm_eps\": 1e-11");
  edit(deployment_.site_file("birch"), "{path: model}", "{path: model2}");
  expect_one_error(deployment_.worker("birch")->wait(), 2, {"base model", "digest"});
  // The coordinator stands through all of it and stops when asked.
  coordinator->signal(SIGTERM);
  EXPECT_EQ(coordinator->wait().code, 0) << coordinator->said();
}

TEST_F(BadNetworkTest, ASitesPolicyRefusesTheRun) {
  const auto coordinator = deployment_.coordinator({"--set", "rounds.deadline=1s"});
  const Ended ended = deployment_.worker("alder", {"--set", "policy.max_local_steps=5"})->wait();
  expect_one_error(ended, 2, {"max_local_steps", "5"});
  // It is told, and does not wait for ever for a quorum of all.
  ASSERT_TRUE(coordinator->wait_for({"site_left", "alder", "declined", "policy.max_local_steps"}))
      << coordinator->said();
  const auto birch = deployment_.worker("birch"), cedar = deployment_.worker("cedar");
  EXPECT_EQ(coordinator->wait().code, 1);
  EXPECT_NE(coordinator->said().find("cannot reach its quorum of 3"), std::string::npos) << coordinator->said();
}

TEST_F(BadNetworkTest, WhatOfASitesDataDoesNotFitTheTask) {
  const auto coordinator = deployment_.coordinator();
  expect_one_error(deployment_.worker("alder", {"--set", "data.text=comment"})->wait(), 2, {"alder.tsv", "comment"});
  expect_one_error(deployment_.worker("birch", {"--set", "data.words=comment"})->wait(), 2,
                   {"data.words", "unknown key"});
  expect_one_error(deployment_.worker("cedar", {"--set", "data.label.map.good=fine"})->wait(), 2,
                   {"data.label.map.good", "\"fine\"", "negative, positive"});
}

TEST_F(BadNetworkTest, ASiteFileIsCheckedBeforeTheCoordinatorIsAsked) {
  const auto worker_says = [&](const Arguments& more, const std::vector<std::string>& parts) {
    SCOPED_TRACE(parts.front());
    expect_one_error(deployment_.worker("alder", more)->wait(), 2, parts);  // nothing listens there
  };
  worker_says({"--set", "data.max_charactres=5"}, {"data.max_charactres", "max_characters"});
  worker_says({"--set", "polizy={}"}, {"polizy", "policy"});
  worker_says({"--set", "data.file=missing.tsv"}, {"missing.tsv"});
}

}  // namespace
}  // namespace weft::cli
