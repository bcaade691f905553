// A session driven by hand: one event at a time, and what it led to.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/digest.h"
#include "tests/worker/worker_support.h"
#include "worker/session.h"

namespace weft::worker {

inline constexpr std::int64_t kValues = 10;
inline constexpr std::uint64_t kBytes = kValues * sizeof(float);

class SessionTest : public testing::Test {
 protected:
  // The spool is read at once, as by the worker.
  void feed(SessionEvent event) {
    last_ = session_.on(std::move(event), clock_.now());
    if (actions<ReadSpool>().empty()) return;
    const std::vector<SessionAction> more = session_.on(std::exchange(spooled_, {}), clock_.now());
    last_.insert(last_.end(), more.begin(), more.end());
  }
  // Of the actions that the last event led to.
  template <class Action>
  std::vector<Action> actions() const {
    std::vector<Action> found;
    for (const SessionAction& action : last_)
      if (const auto* one = std::get_if<Action>(&action)) found.push_back(*one);
    return found;
  }
  template <class Message>
  std::vector<Message> sent() const {
    std::vector<Message> found;
    for (const Send& send : actions<Send>())
      if (const auto* one = std::get_if<Message>(&send.message)) found.push_back(*one);
    return found;
  }
  std::string said() const {
    std::string text;
    for (const Say& say : actions<Say>()) text += say.text + "\n";
    return text;
  }
  std::optional<WorkerResult> result() const {
    const auto found = actions<Finish>();
    return found.empty() ? std::nullopt : std::optional(found.front().result);
  }

  void connect() {
    if (!started_) {
      last_ = session_.start(clock_.now());
      started_ = true;
    } else {
      clock_.advance(session_.wake_at() - clock_.now());
      feed(Tick{});
    }
    ASSERT_THAT(actions<Connect>(), testing::SizeIs(1));
    feed(net::Up{coordinator_, certificate_});
    ASSERT_THAT(sent<wire::Hello>(), testing::SizeIs(1));
  }
  void limit(const Policy& policy) {  // begins anew as a worker that was started again
    session_ = Session({.site = {"alpha"}, .policy = policy}, Rng(1).stream("reconnect"));
    started_ = false;
  }
  void load(std::vector<FinishedUpdate> spooled = {}, RunCounts counts = {}) {
    spooled_ = {std::move(spooled), counts};
    feed(wire::Message(welcome_));
    ASSERT_THAT(actions<Load>(), testing::SizeIs(1));
    feed(TrainerLoaded{actions<Load>()[0].task, facts_});
    ASSERT_THAT(sent<wire::Ready>(), testing::SizeIs(1));
  }
  void make_ready(std::vector<FinishedUpdate> spooled = {}) {
    connect();
    load(std::move(spooled));
  }
  void come_back() {
    feed(net::Down{"the connection was lost", false});
    connect();
    feed(wire::Message(welcome_));
    ASSERT_THAT(sent<wire::Ready>(), testing::SizeIs(1));
  }
  // Sends the adapter that `work` names; the session must have asked for it.
  void deliver_adapter() {
    ASSERT_THAT(sent<wire::Fetch>(), testing::SizeIs(1));
    wire::ChunkSender sender(payload_, digest_, sent<wire::Fetch>()[0].offset);
    feed(wire::Message(*sender.next()));
    ASSERT_THAT(sent<wire::Ack>(), testing::SizeIs(1));
  }
  wire::Work work(std::uint32_t round, std::vector<std::string> evaluate = {}) const {
    return {.round = round,
            .version = round - 1,
            .adapter_digest = digest_,
            .adapter_bytes = kBytes,
            .evaluate = std::move(evaluate),
            .train = true};
  }
  FinishedUpdate update(std::uint32_t round, float value = 1) const {
    const auto payload =
        std::make_shared<const Bytes>(wire::payload_of({facts_.manifest, std::vector<float>(kValues, value)}));
    return {.run_id = kRunId,
            .round = round,
            .version = round - 1,
            .adapter_digest = digest_,
            .digest = sha256_hex(*payload),
            .examples = 100,
            .values = {{"loss", 0.5}},
            .payload = payload};
  }
  // From Work to the offer of its update.
  void train(std::uint32_t round, float value = 1) {
    feed(wire::Message(work(round)));
    if (!sent<wire::Fetch>().empty()) deliver_adapter();
    ASSERT_THAT(actions<Train>(), testing::SizeIs(1));
    feed(Trained{actions<Train>()[0].task, update(round, value)});
    ASSERT_THAT(actions<Keep>(), testing::SizeIs(1));
    feed(Kept{actions<Keep>()[0].update});
  }

  ManualClock clock_;
  std::string coordinator_ = "fl.example.org";  // in its certificate
  std::string certificate_;                     // as PEM; empty: nobody signs
  wire::Welcome welcome_ = welcome_message();
  fl::SiteFacts facts_{
      .base_digest = kBaseDigest, .manifest = manifest_of(kValues), .examples = {{"train", 100}, {"validation", 20}}};
  std::shared_ptr<const Bytes> payload_ = std::make_shared<const Bytes>(kBytes);
  std::string digest_ = sha256_hex(*payload_);
  Session session_{{.site = {"alpha"}, .weft_version = "1.2", .coordinator = "tcp://there:1", .policy = {}},
                   Rng(1).stream("reconnect", "alpha")};
  std::vector<SessionAction> last_;
  SpoolRead spooled_;
  bool started_ = false;
};

}  // namespace weft::worker
