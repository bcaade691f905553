// Real processes under faults at seeded random moments: killed, stopped and cut off while a run goes on, which must end
// in the same bits as the undisturbed one, and in a ledger that all receipts agree with.
//
// By hand, for longer and with other faults:
//   WEFT_CHAOS_ROUNDS=500 WEFT_CHAOS_SEED=7 build/release/cli_slow_test --gtest_filter='ChaosTest.*'
#include <gtest/gtest.h>
#include <signal.h>

#include <sstream>

#include "common/base/rng.h"
#include "tests/cli/job_support.h"
#include "tests/net/proxy_support.h"

namespace weft::cli {
namespace {

constexpr std::uint64_t kMostLines = 24;  // that the coordinator says between two faults

class ChaosTest : public DeployedTest {
 protected:
  ChaosTest()
      : DeployedTest({.rounds = from_environment("WEFT_CHAOS_ROUNDS", 50), .local_steps = 20}),
        rounds_(from_environment("WEFT_CHAOS_ROUNDS", 50)),
        random_(Rng(static_cast<std::uint64_t>(from_environment("WEFT_CHAOS_SEED", 1))).stream("chaos")) {
    for (const std::string& site : job_.sites) {
      links_[site] = std::make_unique<net::TcpProxy>(deployment_.endpoint());
      deployment_.write_site_file(site, links_[site]->endpoint());
    }
  }

  const std::string& any_site() { return job_.sites[random_.below(job_.sites.size())]; }
  const std::string& any_other(const std::string& site) {
    const std::string* other = &any_site();
    while (*other == site) other = &any_site();
    return *other;
  }

  void kill_worker(const std::string& site) {
    workers_[site]->signal(SIGKILL);
    workers_[site]->wait();
    workers_[site] = deployment_.worker(site);
    EXPECT_TRUE(workers_[site]->wait_for({"connecting to"})) << workers_[site]->said();
  }
  void kill_coordinator() {
    coordinator_->signal(SIGKILL);
    if (coordinator_->wait().code == 0) return;  // it had said its last word
    coordinator_ = deployment_.coordinator({"--resume"});
  }
  // For as long as another process takes to die and come back.
  void freeze(const Weft& process, const std::string& meanwhile) {
    process.signal(SIGSTOP);
    kill_worker(meanwhile);
    process.signal(SIGCONT);
  }

  // From then on all are left alone: a worker that comes back after the end would look for a coordinator for ever.
  bool last_round_began() const {
    std::istringstream lines(coordinator_->said());
    const std::string number = "\"round\":" + std::to_string(rounds_) + ",";
    for (std::string line; std::getline(lines, line);)
      if (line.find("round_started") != std::string::npos && line.find(number) != std::string::npos) return true;
    return false;
  }

  using Fault = void (ChaosTest::*)();
  void a_worker_dies() { kill_worker(any_site()); }
  void the_coordinator_dies() { kill_coordinator(); }
  void a_link_is_cut() { links_[any_site()]->cut(); }
  void a_worker_stands_still() {
    const std::string& site = any_site();
    freeze(*workers_[site], any_other(site));
  }
  void the_coordinator_stands_still() { freeze(*coordinator_, any_site()); }
  void all_links_are_cut_and_the_coordinator_dies() {
    for (auto& [site, link] : links_) link->cut();
    kill_coordinator();
  }

  // Each fault once, in random order, and then anew.
  void do_one() {
    if (faults_.empty())
      faults_ = {&ChaosTest::a_worker_dies,
                 &ChaosTest::the_coordinator_dies,
                 &ChaosTest::a_link_is_cut,
                 &ChaosTest::a_link_is_cut,
                 &ChaosTest::a_worker_stands_still,
                 &ChaosTest::the_coordinator_stands_still,
                 &ChaosTest::all_links_are_cut_and_the_coordinator_dies};
    const auto chosen = faults_.begin() + static_cast<std::ptrdiff_t>(random_.below(faults_.size()));
    const Fault fault = *chosen;
    faults_.erase(chosen);
    (this->*fault)();
    ++done_;
  }

  int rounds_, done_ = 0;
  RngStream random_;
  std::map<std::string, std::unique_ptr<net::TcpProxy>> links_;
  std::unique_ptr<Weft> coordinator_;
  std::vector<Fault> faults_;
};

TEST_F(ChaosTest, EndsInTheSameBitsAndALedgerThatAllReceiptsProve) {
  coordinator_ = deployment_.coordinator();
  start_workers();
  // A moment is a number of lines that the coordinator says, whatever they are.
  for (bool alive = true; alive && !last_round_began();) {
    for (std::uint64_t lines = 1 + random_.below(kMostLines); lines > 0 && alive; --lines)
      alive = coordinator_->wait_for({});
    if (alive && !last_round_began()) do_one();
  }
  std::printf("%d faults over %d rounds\n", done_, rounds_);
  EXPECT_GE(done_, 7) << "not each kind of fault has been";
  expect_same_result(*coordinator_);
  Arguments verify{"ledger", "verify", deployment_.out(), "--ca", deployment_.pki() / "ca.crt"};
  for (const std::string& site : job_.sites)
    verify.insert(verify.end(), {"--receipts", job_.place / ("state/" + site)});
  const Ended proven = weft(verify);
  EXPECT_EQ(proven.code, 0) << proven.out << proven.err;
  EXPECT_NE(proven.out.find(std::to_string(3 * rounds_) + " receipts: all holds"), std::string::npos) << proven.out;
}

}  // namespace
}  // namespace weft::cli
