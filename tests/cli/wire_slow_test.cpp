// What someone on the network sees of a run, and what they can do to it.
#include <gtest/gtest.h>

#include <set>
#include <unordered_set>

#include "tests/cli/job_support.h"
#include "tests/net/proxy_support.h"

namespace weft::cli {
namespace {

using net::Direction;

class WireTest : public DeployedTest {
 protected:
  // 100 KB of adapter: more than one TLS record, far more than the handshakes.
  WireTest() : DeployedTest({.rounds = 2, .local_steps = 60, .rank = 128}) {}
  void SetUp() override {
    DeployedTest::SetUp();
    deployment_.write_site_file("birch", proxy_.endpoint());
  }
  net::TcpProxy proxy_{deployment_.endpoint()};
};

// Words of four letters and more of a text.
std::set<std::string> words_of(const std::string& text) {
  std::set<std::string> words;
  std::string word;
  for (const char c : text + " ") {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
      word += c;
      continue;
    }
    if (word.size() >= 5) words.insert(word);
    word.clear();
  }
  return words;
}

TEST_F(WireTest, ShowsNoTextNoNameAndNothingTwice) {
  const auto coordinator = deployment_.coordinator();
  start_workers();
  expect_same_result(*coordinator);
  std::set<std::string> secrets = words_of(slurp(job_.data_of("birch")));
  EXPECT_GT(secrets.size(), 10U);
  for (const char* name : {"base_model", "lora_A", "classifier", "learning_rate", "sequence_classification", "Hello",
                           "Offer", "adapter_digest"})
    secrets.insert(name);
  std::size_t repeated = 0;
  for (const Direction direction : {Direction::to_server, Direction::to_client}) {
    const Bytes seen = proxy_.recorded(direction);
    ASSERT_GT(seen.size(), 150'000U);  // the adapter went this way, twice
    for (const std::string& secret : secrets)
      EXPECT_EQ(as_text(seen).find(secret), std::string_view::npos) << "\"" << secret << "\" was readable";
    // The handshakes of ZMTP and TLS repeat themselves; no 16 bytes of what follows may, wherever they begin.
    std::unordered_set<std::string_view> windows;
    for (std::size_t at = 8'000; at + 16 <= seen.size(); ++at)
      repeated += windows.insert(as_text(seen).substr(at, 16)).second ? 0 : 1;
  }
  EXPECT_EQ(repeated, 0U);
}

TEST_F(WireTest, AFlippedBitEndsTheSessionByNameAndTheRunCompletes) {
  // Offsets count from the first byte of all: they fall into the first fetch of the adapter and the first update.
  proxy_.flip_bit(Direction::to_client, 60'000);
  proxy_.flip_bit(Direction::to_server, 60'000);
  const auto coordinator = deployment_.coordinator();
  start_workers();
  expect_same_result(*coordinator);
  EXPECT_NE(coordinator->said().find("record authentication failed"), std::string::npos) << coordinator->said();
  EXPECT_NE(workers_["birch"]->said().find("record authentication failed"), std::string::npos);
  EXPECT_GE(proxy_.connections(), 3);  // one more for each flip
}

TEST_F(WireTest, ACutLinkIsTakenUpAgain) {
  const auto coordinator = deployment_.coordinator();
  start_workers();
  for (const char* round : {"\"round\":1", "\"round\":2"}) {
    ASSERT_TRUE(coordinator->wait_for({"round_started", round})) << coordinator->said();
    proxy_.cut();
  }
  expect_same_result(*coordinator);
  EXPECT_GE(proxy_.connections(), 2);  // 3, unless this test was too slow to cut between two messages
}

// Links that are closed when they were silent for so long, and a training that takes longer than that, for which the
// other sites wait. By hand, ten minutes with the limit of many routers:
//   WEFT_IDLE_SECONDS=60 WEFT_IDLE_STEPS=250000 build/release/cli_slow_test --gtest_filter='IdleLinkTest.*'
class IdleLinkTest : public DeployedTest {
 protected:
  IdleLinkTest() : DeployedTest({.rounds = 1, .local_steps = from_environment("WEFT_IDLE_STEPS", 5000)}) {}
  void SetUp() override {}  // the result is not compared
};

TEST_F(IdleLinkTest, AreKeptWhileAnotherSiteTrains) {
  const std::chrono::seconds limit(from_environment("WEFT_IDLE_SECONDS", 7));
  std::map<std::string, std::unique_ptr<net::TcpProxy>> links;
  for (const std::string& site : job_.sites) {
    links[site] = std::make_unique<net::TcpProxy>(deployment_.endpoint());
    links[site]->close_idle(limit);
    deployment_.write_site_file(site, links[site]->endpoint());
  }
  const auto coordinator = deployment_.coordinator();
  for (const char* site : {"alder", "birch"}) workers_[site] = deployment_.worker(site);
  for (int updates = 0; updates < 2; ++updates)
    ASSERT_TRUE(coordinator->wait_for({"update_accepted"})) << coordinator->said();
  const auto began = std::chrono::steady_clock::now();
  workers_["cedar"] = deployment_.worker("cedar");
  EXPECT_EQ(coordinator->wait().code, 0) << coordinator->said();
  EXPECT_GT(std::chrono::steady_clock::now() - began, limit) << "too short a test";
  for (auto& [site, worker] : workers_) EXPECT_EQ(worker->wait().code, 0) << site << ": " << worker->said();
  for (const auto& [site, link] : links) EXPECT_EQ(link->connections(), 1) << site << " lost its link";
}

}  // namespace
}  // namespace weft::cli
