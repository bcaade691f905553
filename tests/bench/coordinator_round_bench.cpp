// What a round costs when nothing is trained: a coordinator and four worker processes over TLS on this machine, an
// adapter of 100 KB, everything written and synced as in a real run. Beside it what one sync of a small file costs on
// this disk, of which a round has three at the coordinator (version file, its folder, the ledger) and, before those,
// two at each worker (the spooled update and its folder). Prints one JSON line per figure.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/crypto/pki.h"
#include "common/net/tls_client.h"
#include "common/net/tls_server.h"
#include "coordinator/coordinator.h"
#include "worker/worker.h"

namespace {

using namespace weft;

constexpr std::uint32_t kRounds = 200;
constexpr std::uint32_t kWarmUp = 10;
constexpr std::int64_t kValues = 25'000;  // 100 KB
const std::string kBase(64, 'b');
const std::vector<SiteId> kSites{{"editorials"}, {"film"}, {"reviews"}, {"tweets"}};

using Timer = std::chrono::steady_clock;
double milliseconds_since(Timer::time_point start) {
  return std::chrono::duration<double, std::milli>(Timer::now() - start).count();
}

std::shared_ptr<const Manifest> manifest() {
  return std::make_shared<const Manifest>(Manifest::build({{"base_model.model.head.weight", {kValues}}}).value());
}

class NoTrainer final : public fl::LocalTrainer {
 public:
  const fl::SiteFacts& facts() const override { return facts_; }
  fl::TrainResult train(const fl::TrainJob& job, const fl::ProgressFn&, std::stop_token) override {
    return {.update = StateDict::zeros(job.start->manifest), .examples = 1, .values = {{"loss", 1}}};
  }
  fl::Evaluation evaluate(const StateDict&, const std::string&, const fl::ProgressFn&, std::stop_token) override {
    return {.examples = 1, .tally = {{{"confusion", {1, 0, 0, 0}}, {"loss", {0.5, 1}}}}};
  }

 private:
  fl::SiteFacts facts_{
      .base_digest = kBase, .manifest = manifest(), .examples = {{"train", 1}, {"validation", 1}, {"test", 1}}};
};

int run_worker(const SiteId& site, const std::filesystem::path& folder, int endpoint_pipe) {
  char endpoint[128] = {};
  if (::read(endpoint_pipe, endpoint, sizeof endpoint - 1) <= 0) return 1;
  net::TlsClient client({.endpoint = endpoint, .credentials = crypto::credential_files(folder / "pki", site.name)});
  const SystemClock clock;
  worker::Worker worker({.site = site,
                         .folder = folder / site.name,
                         .coordinator = endpoint,
                         .weft_version = "bench",
                         .make_trainer = [](const YamlView&) { return std::make_unique<NoTrainer>(); }},
                        client, clock, Rng(1));
  return worker.run({}).exit_code();
}

struct RoundTimes final : telemetry::RunObserver {
  void on(const telemetry::RunEvent& event) override {
    if (std::holds_alternative<telemetry::RoundCommitted>(event)) committed.push_back(Timer::now());
  }
  std::vector<Timer::time_point> committed;
};

coordinator::CoordinatorOptions options_in(const std::filesystem::path& folder) {
  coordinator::CoordinatorOptions options;
  options.folder = folder / "run";
  options.run = "empty";
  options.config_digest = "bench";
  options.settings =
      "task: {kind: sequence_classification}\nadapter: {method: lora}\nrounds: {count: 200}\ntrain: {local_steps: 1}\n";
  options.sites = kSites;
  options.rounds.count = kRounds;
  options.base_digest = kBase;
  options.initial = StateDict::zeros(manifest());
  options.scheme = metrics::classification_scheme(2);
  options.peft = {.base_model = "none", .adapter = {.target_modules = {.names = {"none"}}}};
  return options;
}

// Of coordinator and workers; does not suffer from other load on the machine as times do.
double cpu_milliseconds() {
  double sum = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    ::getrusage(who, &usage);
    for (const timeval& time : {usage.ru_utime, usage.ru_stime})
      sum += static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  }
  return sum;
}

// Milliseconds of write_atomic on 100 KB: two syncs.
double median_atomic_write(const std::filesystem::path& folder) {
  const Bytes content(kValues * 4);
  std::vector<double> times;
  for (int i = 0; i < 50; ++i) {
    const auto start = Timer::now();
    write_atomic(folder / "probe", content).value();
    times.push_back(milliseconds_since(start));
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

}  // namespace

int main() {
  log::set_level(log::Level::error);
  const auto folder = std::filesystem::temp_directory_path() / ("weft_round_bench_" + std::to_string(::getpid()));
  crypto::init_ca(folder / "pki");
  crypto::issue(folder / "pki", {.name = "coordinator", .role = crypto::Role::coordinator});
  std::vector<int> pipes;
  std::vector<pid_t> workers;
  for (const SiteId& site : kSites) {
    crypto::issue(folder / "pki", {.name = site.name});
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return 1;
    const pid_t child = ::fork();  // before there are threads
    if (child == 0) ::_exit(run_worker(site, folder, ends[0]));
    workers.push_back(child);
    pipes.push_back(ends[1]);
  }
  RoundTimes times;
  {
    net::TlsServer server(
        {.endpoint = "tcp://127.0.0.1:*", .credentials = crypto::credential_files(folder / "pki", "coordinator")});
    for (const int pipe : pipes)
      if (::write(pipe, server.endpoint().data(), server.endpoint().size()) < 0) return 1;
    const SystemClock clock;
    coordinator::Coordinator(options_in(folder), server, clock, times).run({});
  }
  int failed = 0;
  for (const pid_t worker : workers) {
    int status = 0;
    ::waitpid(worker, &status, 0);
    failed += status != 0 ? 1 : 0;
  }
  const double cpu = cpu_milliseconds() / kRounds;
  std::vector<double> rounds;
  for (std::size_t i = kWarmUp; i < times.committed.size(); ++i)
    rounds.push_back(std::chrono::duration<double, std::milli>(times.committed[i] - times.committed[i - 1]).count());
  std::sort(rounds.begin(), rounds.end());
  const double write = median_atomic_write(folder);
  std::filesystem::remove_all(folder);
  if (failed != 0 || rounds.size() != kRounds - kWarmUp) {
    std::cerr << "coordinator_round_bench: " << failed << " workers failed, " << rounds.size() << " rounds\n";
    return 1;
  }
  std::cout << nlohmann::json{{"name", "empty_round"},
                              {"value", rounds[rounds.size() / 2]},
                              {"unit", "ms"},
                              {"target", 20},
                              {"better", "lower"}}
            << '\n'
            << nlohmann::json{{"name", "empty_round.fastest"}, {"value", rounds.front()}, {"unit", "ms"}} << '\n'
            << nlohmann::json{{"name", "empty_round.slowest_of_20"},
                              {"value", rounds[rounds.size() * 19 / 20]},
                              {"unit", "ms"}}
            << '\n'
            << nlohmann::json{{"name", "empty_round.cpu_of_all"}, {"value", cpu}, {"unit", "CPU ms"}} << '\n'
            << nlohmann::json{{"name", "atomic_write_100_kb"}, {"value", write}, {"unit", "ms"}} << std::endl;
}
