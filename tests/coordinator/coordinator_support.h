// Sites and a transport that live in one thread and under a manual clock, so that a test decides who is heard when,
// and can let the coordinator die between any two messages.
#pragma once
#include <gtest/gtest.h>

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/rng.h"
#include "common/fl/local_trainer.h"
#include "common/net/transport.h"
#include "common/wire/messages.h"
#include "common/wire/receipt.h"
#include "common/wire/transfer.h"
#include "coordinator/coordinator.h"
#include "coordinator/ledger.h"

namespace weft::coordinator {

class TempFolder {
 public:
  TempFolder();
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A LoRA pair and a head with values from `seed`; `inputs` makes it larger (8 bytes each).
StateDict small_adapter(std::uint64_t seed, std::int64_t inputs = 5);

inline constexpr const char* kBaseDigest = "ba5eba5eba5eba5eba5eba5eba5eba5eba5eba5eba5eba5eba5eba5eba5eba5e";

// What a site computes: follows from its name, the round and where it starts, as a real trainer's result does.
StateDict sim_update(const SiteId& site, std::uint32_t round, const StateDict& start);

// A classifier's scores on so many examples, as many right as come nearest to that accuracy; the mean loss is 1.
metrics::Tally sim_tally(std::uint64_t examples, double accuracy);

// For real workers: computes what SimSite computes.
class SimTrainer final : public fl::LocalTrainer {
 public:
  SimTrainer(SiteId site, std::uint64_t examples, std::shared_ptr<const Manifest> manifest,
             std::string base_digest = kBaseDigest);
  const fl::SiteFacts& facts() const override { return facts_; }
  fl::TrainResult train(const fl::TrainJob& job, const fl::ProgressFn& progress, std::stop_token stop) override;
  fl::Evaluation evaluate(const StateDict& adapter, const std::string& split, const fl::ProgressFn& progress,
                          std::stop_token stop) override;

 private:
  SiteId site_;
  fl::SiteFacts facts_;
  int scored_ = 0;
};

// A site that answers at once. What it keeps over a crash is its spool.
class SimSite {
 public:
  SimSite(SiteId site, std::uint64_t train_examples, std::shared_ptr<const Manifest> manifest);
  const SiteId& name() const { return site_; }
  void up();    // connected: says Hello
  void down();  // the session is lost
  void receive(const wire::Message& message);
  void say(const wire::Message& message);  // now, out of turn
  void be_quick();                         // offers what it has, and is not slow any more
  void forget_updates() { spool_.clear(); }

  // Behaviour; free to change.
  std::string base_digest = kBaseDigest, manifest_digest;
  bool trains = true;                               // else it gets no further than scoring
  bool slow = false;                                // it trains, and offers nothing before it is told to
  double steps_per_second = 1000;                   // as it says; 20 steps unless it is asked for fewer
  double accuracy_step = 0.01;                      // validation accuracy gained in each version
  std::function<void(wire::Message&)> tamper = {};  // sees everything it says
  std::function<StateDict(StateDict)> spoil = {};   // changes its updates

  // What became of it.
  std::deque<Bytes> outbox;
  bool connected = false, wants_session = true;
  std::vector<std::string> verdicts;    // "1 committed", as settled
  std::vector<wire::Receipt> receipts;  // of committed ones, without certificate
  std::string refused;
  std::optional<wire::Finished> finished;
  int trained = 0, pings = 0;
  std::uint64_t largest_gap = 0;

 private:
  void begin_work();
  void do_work();
  void offer_all();
  void pump();

  SiteId site_;
  std::uint64_t examples_;
  std::shared_ptr<const Manifest> manifest_;
  std::optional<wire::Work> work_;
  std::optional<wire::ChunkReceiver> receiver_;
  std::optional<wire::ChunkSender> sender_;
  std::optional<StateDict> adapter_;
  std::string run_id_, adapter_digest_;
  bool came_back_ = false;  // older updates are still to be offered again
  struct Finished {
    wire::Offer offer;
    std::shared_ptr<const Bytes> payload;
  };
  std::map<std::uint32_t, Finished> spool_;
  std::set<std::uint32_t> offered_;  // in this session
};

struct Crash {};

class SimTransport final : public net::ServerTransport {
 public:
  SimTransport(ManualClock& clock, std::uint64_t seed) : clock_(clock), random_(Rng(seed).stream("order")) {}
  void add(SimSite& site) { ends_.push_back({.site = &site}); }
  // The next message but `count` kills the coordinator: receive() throws Crash.
  void crash_after(int count) { left_ = count; }
  void lose_sessions();  // what a coordinator's death does
  void lose(SimSite& site);
  std::function<void()> before_event = {};  // a test's own doings
  int events() const { return events_; }

  std::optional<net::ServerEvent> receive(TimePoint deadline) override;
  void send(net::SessionId session, ByteSpan message) override;
  void disconnect(net::SessionId session) override;
  void wake() override { woken_ = true; }
  net::Traffic traffic() const override { return traffic_; }
  net::Traffic traffic(net::SessionId) const override { return {}; }

 private:
  struct End {
    SimSite* site;
    net::SessionId session;  // 0: none
    std::deque<Bytes> inbox;
  };
  std::optional<net::ServerEvent> act(End& end);
  bool can_act(const End& end) const;

  ManualClock& clock_;
  RngStream random_;
  std::deque<End> ends_;
  std::deque<net::ServerEvent> pending_;
  net::Traffic traffic_;
  std::uint64_t last_session_ = 0;
  int left_ = -1, events_ = 0;
  bool woken_ = false;
};

class Recorder final : public telemetry::RunObserver {
 public:
  void on(const telemetry::RunEvent& event) override { events.push_back(event); }
  template <class Event>
  std::vector<Event> all() const {
    std::vector<Event> found;
    for (const auto& event : events)
      if (const auto* one = std::get_if<Event>(&event)) found.push_back(*one);
    return found;
  }
  std::vector<telemetry::RunEvent> events;
};

// A run of four sites.
struct Job {
  explicit Job(std::uint64_t order = 1, std::int64_t inputs = 5);
  void hand_out(const std::map<std::string, Bytes>& files);  // as the base model, from folder/model
  std::filesystem::path model() const { return folder.path() / "model"; }
  CoordinatorOptions options(bool resume = false) const;
  CoordinatorResult run(bool resume = false, std::stop_token stop = {});
  // Runs, and goes on after every crash. Returns how many there were.
  int run_through_crashes(CoordinatorResult& result);
  SimSite& site(const std::string& name);

  TempFolder folder;
  ManualClock clock;
  BaseList base_files;
  StateDict initial;
  fl::RoundsConfig rounds;
  fl::AggregationConfig aggregation;
  std::vector<SiteId> listed;
  std::optional<crypto::Signer> signer;
  std::optional<std::filesystem::path> ca;
  std::function<void(std::string_view)> at_step;
  std::vector<std::unique_ptr<SimSite>> sites;
  SimTransport transport;
  Recorder seen;
};

std::vector<RoundRow> rounds_of(const Ledger& ledger);
std::vector<RoundRow> rounds_of(const Job& job);  // as its ledger has them
std::vector<RefusalRow> refusals_of(const Job& job);
// Every version is made again, to the bit, from the one before and the updates that the ledger says were counted.
void expect_the_ledger_makes_the_adapters(const Job& job);

}  // namespace weft::coordinator
