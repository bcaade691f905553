// A run ends with the same adapter wherever the link is cut and wherever the worker is killed: a session, a coordinator
// and a trainer in one thread, every message counted, and the run repeated with the fault at each of them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <deque>
#include <filesystem>
#include <map>

#include "common/base/digest.h"
#include "tests/worker/worker_support.h"
#include "worker/session.h"

namespace weft::worker {
namespace {

constexpr std::uint32_t kRounds = 2;
constexpr std::int64_t kValues = 263'000;  // two chunks, the second a small one

enum class Fault { none, cut, kill };

class World {
 public:
  World(Fault fault, int at, std::optional<crypto::Signer> signer) : fault_(fault), fault_at_(at) {
    coordinator_.signer = std::move(signer);
  }

  // True when the run finished. The fault comes before message number `at` is delivered.
  void run() {
    boot();
    for (int turns = 0; !result_ && turns < 10'000; ++turns) {
      if (!work_.empty()) {
        SessionEvent done = std::move(work_.front());
        work_.pop_front();
        perform(session_->on(std::move(done), now_));
      } else if (!wire_.empty()) {
        deliver();
      } else if (session_->wake_at() != TimePoint::max()) {
        now_ = session_->wake_at();
        perform(session_->on(Tick{}, now_));
      }
    }
  }

  ScriptedCoordinator coordinator_{manifest_of(kValues), kRounds};
  std::optional<WorkerResult> result_;
  std::map<std::uint32_t, FinishedUpdate> spool_;
  RunCounts counts_;                               // on disk
  std::map<std::uint32_t, std::string> receipts_;  // digests by round, on disk
  std::shared_ptr<StubTrainer::Hooks> hooks_ = std::make_shared<StubTrainer::Hooks>();
  int delivered_ = 0, connects_ = 0;
  bool faulted_ = false;

 private:
  struct Flying {
    bool to_coordinator = false;
    Bytes message;
  };

  void boot() {
    trainer_.reset();
    work_.clear();
    session_.emplace(SessionOptions{.site = {"alpha"}, .weft_version = "1", .coordinator = "there", .policy = {}},
                     Rng(1).stream("reconnect"));
    perform(session_->start(now_));
  }

  void deliver() {
    if (fault_ != Fault::none && !faulted_ && delivered_ == fault_at_) {
      faulted_ = true;
      wire_.clear();
      coordinator_.session_lost();
      if (fault_ == Fault::kill) return boot();
      return perform(session_->on(net::Down{"the link was cut", false}, now_));
    }
    ++delivered_;
    const Flying flying = std::move(wire_.front());
    wire_.pop_front();
    wire::Message message = wire::decode(flying.message).value();
    if (!flying.to_coordinator) return perform(session_->on(std::move(message), now_));
    for (const wire::Message& answer : coordinator_.on(message)) wire_.push_back({false, wire::encode(answer)});
  }

  void perform(const std::vector<SessionAction>& actions) {
    for (const SessionAction& action : actions) std::visit([this](const auto& each) { act(each); }, action);
  }
  void act(const Connect& /*action*/) {
    ++connects_;
    coordinator_.session_lost();
    perform(session_->on(net::Up{"there", coordinator_.signer->certificate()}, now_));
  }
  void act(const Disconnect& /*action*/) { FAIL() << "the session was broken off"; }
  void act(const Send& action) { wire_.push_back({true, wire::encode(action.message)}); }
  template <class Other>
  void act(const Other& /*action*/) {
    FAIL() << "nobody lacks a base model here";
  }
  void act(const Load& action) {
    trainer_.emplace(manifest_of(kValues), hooks_);
    work_.emplace_back(TrainerLoaded{action.task, trainer_->facts()});
  }
  void act(const Score& action) {
    work_.emplace_back(Scored{action.task, trainer_->evaluate(*action.adapter, action.split, {}, {})});
  }
  void act(const Train& action) {
    const auto result = trainer_->train({.site = "alpha", .round = action.round, .start = action.start.get()}, {}, {});
    const auto payload = std::make_shared<const Bytes>(wire::payload_of(result.update));
    work_.emplace_back(Trained{action.task,
                               {.run_id = action.run_id,
                                .round = action.round,
                                .version = action.version,
                                .adapter_digest = action.adapter_digest,
                                .digest = sha256_hex(*payload),
                                .examples = result.examples,
                                .values = result.values,
                                .payload = payload}});
  }
  void act(const Cancel& /*action*/) {}  // too late: what was under way still comes
  void act(const ReadSpool& /*action*/) {
    std::vector<FinishedUpdate> all;
    for (const auto& [round, update] : spool_) all.push_back(update);
    perform(session_->on(SpoolRead{std::move(all), counts_}, now_));
  }
  void act(const Keep& action) {
    spool_.insert_or_assign(action.update.round, action.update);
    perform(session_->on(Kept{action.update}, now_));
  }
  void act(const KeepReceipt& action) {
    receipts_[action.receipt.round] = action.receipt.digest;
    perform(session_->on(ReceiptKept{action.receipt.round}, now_));
  }
  void act(const Count& action) { counts_ = action.counts; }
  void act(const Forget& action) { spool_.erase(action.round); }
  void act(const EndRun& /*action*/) {}
  void act(const Say& /*action*/) {}
  void act(const Finish& action) { result_ = action.result; }

  Fault fault_;
  int fault_at_;
  TimePoint now_{};
  std::optional<Session> session_;
  std::optional<StubTrainer> trainer_;
  std::deque<Flying> wire_;
  std::deque<SessionEvent> work_;
};

void expect_same_end(const World& world, const World& unbroken, int at) {
  ASSERT_TRUE(world.result_) << "stuck after a fault before message " << at;
  ASSERT_EQ(world.result_->outcome, Outcome::finished) << at << ": " << world.result_->reason;
  EXPECT_EQ(world.result_->version, kRounds);
  EXPECT_EQ(world.coordinator_.committed(), unbroken.coordinator_.committed()) << at;
  EXPECT_EQ(world.coordinator_.adapter().values, unbroken.coordinator_.adapter().values) << at;
  EXPECT_EQ(world.coordinator_.scores(), unbroken.coordinator_.scores()) << at;
  EXPECT_TRUE(world.spool_.empty()) << at;
  // The last receipt may be lost on its way: this coordinator does not say it again at the end.
  for (const auto& [round, digest] : world.coordinator_.committed())
    if (round < kRounds || world.receipts_.contains(round)) {
      ASSERT_TRUE(world.receipts_.contains(round)) << at;
      EXPECT_EQ(world.receipts_.at(round), digest) << at;
    }
}

class ReconnectTest : public testing::Test {
 protected:
  ReconnectTest() : pki_(std::filesystem::path(testing::TempDir()) / ("weft_reconnect_" + std::to_string(::getpid()))) {
    crypto::init_ca(pki_);
    signer_.emplace(crypto::issue(pki_, {.name = "there", .role = crypto::Role::coordinator}));
    std::filesystem::remove_all(pki_);
    unbroken_.emplace(Fault::none, 0, signer_);
    unbroken_->run();
  }
  std::filesystem::path pki_;
  std::optional<crypto::Signer> signer_;
  std::optional<World> unbroken_;
};

TEST_F(ReconnectTest, UnbrokenRunMovesEveryByteOnce) {
  expect_same_end(*unbroken_, *unbroken_, -1);
  EXPECT_EQ(unbroken_->hooks_->trained, kRounds);
  EXPECT_EQ(unbroken_->hooks_->scored, kRounds);
  EXPECT_EQ(unbroken_->connects_, 1);
  EXPECT_EQ(unbroken_->coordinator_.committed().size(), kRounds);
  EXPECT_EQ(unbroken_->coordinator_.scores().size(), 2 * kRounds);
  EXPECT_EQ(unbroken_->coordinator_.bytes_down(), kRounds * kValues * sizeof(float));
  EXPECT_EQ(unbroken_->coordinator_.bytes_up(), kRounds * kValues * sizeof(float));
  EXPECT_GT(unbroken_->delivered_, 30);
}

TEST_F(ReconnectTest, CutBeforeAnyMessageChangesNothing) {
  for (int at = 0; at < unbroken_->delivered_; ++at) {
    World world(Fault::cut, at, signer_);
    world.run();
    expect_same_end(world, *unbroken_, at);
    EXPECT_EQ(world.connects_, 2) << at;
    EXPECT_EQ(world.hooks_->trained, kRounds) << at;  // what was trained is never trained again
    EXPECT_EQ(world.hooks_->scored, kRounds) << at;
    // Resumed where it was: at most what was in flight is sent again.
    EXPECT_LE(world.coordinator_.bytes_down() - unbroken_->coordinator_.bytes_down(), 2 * wire::kChunkBytes) << at;
    EXPECT_EQ(world.coordinator_.bytes_up(), unbroken_->coordinator_.bytes_up()) << at;
  }
}

TEST_F(ReconnectTest, KillBeforeAnyMessageChangesNothing) {
  for (int at = 0; at < unbroken_->delivered_; ++at) {
    World world(Fault::kill, at, signer_);
    world.run();
    expect_same_end(world, *unbroken_, at);
    EXPECT_EQ(world.hooks_->trained, kRounds) << at;  // here training ends as it begins, and then it is kept
    EXPECT_EQ(world.counts_, (RunCounts{world.hooks_->trained, world.hooks_->scored})) << at;
  }
}

}  // namespace
}  // namespace weft::worker
