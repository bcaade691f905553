// The coordinator and the real worker, over the in-process transport: the same adapter as with scripted sites in one
// thread, whatever the threads do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "common/net/in_process.h"
#include "coordinator/ledger.h"
#include "tests/coordinator/coordinator_support.h"
#include "worker/worker.h"

namespace weft::coordinator {
namespace {

constexpr const char* kSettings =
    "task: {kind: sequence_classification}\nadapter: {method: lora}\nrounds: {count: 3}\ntrain: {local_steps: 5}\n";

// A worker in a thread of its own; stopped when it goes.
class WorkerThread {
 public:
  WorkerThread(net::InProcessHub& hub, const SiteId& site, std::uint64_t examples, const Job& job)
      : client_(hub.client(site)),
        thread_([this, site, examples, folder = job.folder.path() / site.name,
                 manifest = job.initial.manifest](const std::stop_token& stop) {
          worker::Worker worker(
              {.site = site,
               .folder = folder,
               .coordinator = "in-process",
               .weft_version = "test",
               .make_trainer = [&](const YamlView&) { return std::make_unique<SimTrainer>(site, examples, manifest); }},
              *client_, clock_, Rng(1));
          result_.set_value(worker.run(stop));
        }) {}
  worker::WorkerResult result() { return result_.get_future().get(); }
  void stop() { thread_ = {}; }

 private:
  SystemClock clock_;
  std::unique_ptr<net::ClientTransport> client_;
  std::promise<worker::WorkerResult> result_;
  std::jthread thread_;
};

using Workers = std::map<std::string, std::unique_ptr<WorkerThread>>;

Workers start_workers(net::InProcessHub& hub, const Job& job) {
  Workers workers;
  std::uint64_t examples = 3;
  for (const SiteId& site : job.listed) {
    workers[site.name] = std::make_unique<WorkerThread>(hub, site, examples, job);
    examples += 17;
  }
  return workers;
}

CoordinatorOptions options_of(const Job& job, bool resume = false) {
  CoordinatorOptions options = job.options(resume);
  options.settings = kSettings;
  return options;
}

const std::string& reference_digest() {
  static const std::string digest = [] {
    Job job;
    return job.run().adapter_digest;
  }();
  return digest;
}

TEST(RealWorkerTest, AWholeRun) {
  Job job;
  const SystemClock clock;
  net::InProcessHub hub;
  const auto server = hub.server();
  Coordinator coordinator(options_of(job), *server, clock, job.seen);
  Workers workers = start_workers(hub, job);
  const CoordinatorResult result = coordinator.run({});
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(result.adapter_digest, reference_digest());
  for (auto& [name, worker] : workers) {
    const worker::WorkerResult end = worker->result();
    EXPECT_EQ(end.outcome, worker::Outcome::finished) << name << ": " << end.reason;
    EXPECT_EQ(end.version, result.best_version);
  }
}

TEST(RealWorkerTest, AWorkerThatIsStoppedAndStartedAgainMidRound) {
  Job job;
  const SystemClock clock;
  net::InProcessHub hub;
  const auto server = hub.server();
  Workers workers;
  struct Restart final : telemetry::RunObserver {
    void on(const telemetry::RunEvent& event) override {
      const auto* started = std::get_if<telemetry::RoundStarted>(&event);
      if (started != nullptr && started->round == 2) then();
    }
    std::function<void()> then;
  } observer;
  observer.then = [&] {
    workers.at("film")->stop();
    workers["film"] = std::make_unique<WorkerThread>(hub, SiteId{"film"}, 20, job);
  };
  Coordinator coordinator(options_of(job), *server, clock, observer);
  workers = start_workers(hub, job);
  const CoordinatorResult result = coordinator.run({});
  EXPECT_EQ(result.adapter_digest, reference_digest());
  EXPECT_EQ(workers.at("film")->result().outcome, worker::Outcome::finished);
}

// All processes die at the same time; spools, ledger and versions remain.
TEST(RealWorkerTest, EverythingDiesAtEachStepOfACommitAndIsStartedAgain) {
  for (const char* step : {"adapter_written", "ledger_committed", "settled", "result_written"}) {
    Job job;
    const SystemClock clock;
    bool crashed = false;
    job.at_step = [&](std::string_view at) {
      if (!crashed && at == step) {
        crashed = true;
        throw Crash{};
      }
    };
    std::optional<CoordinatorResult> result;
    while (!result) {
      net::InProcessHub hub;
      const auto server = hub.server();
      Coordinator coordinator(options_of(job, crashed), *server, clock, job.seen);
      const Workers workers = start_workers(hub, job);
      try {
        result = coordinator.run({});
      } catch (const Crash&) {
        continue;
      }
    }
    EXPECT_TRUE(crashed);
    EXPECT_EQ(result->adapter_digest, reference_digest()) << step;
  }
}

// Buffered rounds, in which workers have several updates on their way, and coordinators that die between.
TEST(RealWorkerTest, BufferedRoundsThroughCrashes) {
  Job job;
  job.rounds = {.mode = fl::RoundsConfig::Mode::buffered, .count = 8, .max_staleness = 10, .buffer = 2};
  const SystemClock clock;
  int crashes = 0;
  job.at_step = [&, commits = 0](std::string_view at) mutable {
    if (at != "settled" || ++commits % 2 == 1) return;
    ++crashes;
    throw Crash{};
  };
  std::optional<CoordinatorResult> result;
  while (!result) {
    net::InProcessHub hub;
    const auto server = hub.server();
    Coordinator coordinator(options_of(job, crashes > 0), *server, clock, job.seen);
    const Workers workers = start_workers(hub, job);
    try {
      result = coordinator.run({});
    } catch (const Crash&) {
      continue;
    }
  }
  EXPECT_TRUE(result->finished);
  EXPECT_EQ(crashes, 4);
  EXPECT_EQ(rounds_of(job).size(), 8U);
  expect_the_ledger_makes_the_adapters(job);
}

TEST(RealWorkerTest, AnotherBaseModelEndsTheWorkerWithTheRemedy) {
  Job job;
  const SystemClock clock;
  net::InProcessHub hub;
  const auto server = hub.server();
  CoordinatorOptions options = options_of(job);
  options.base_digest = std::string(64, '1');
  Coordinator coordinator(std::move(options), *server, clock, job.seen);
  WorkerThread film(hub, {"film"}, 20, job);
  std::jthread loop([&](const std::stop_token& stop) { coordinator.run(stop); });
  const worker::WorkerResult end = film.result();
  EXPECT_EQ(end.outcome, worker::Outcome::misconfigured);
  EXPECT_THAT(end.reason, testing::HasSubstr(std::string(64, '1')));
}

}  // namespace
}  // namespace weft::coordinator
