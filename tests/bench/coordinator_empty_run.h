// A run in which nothing is trained, for benchmarks of what rounds cost by themselves: real workers over TLS, an
// adapter of 100 KB, everything written and synced as in a real run. Processes are forked before there are threads.
#pragma once
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "common/base/log.h"
#include "common/crypto/pki.h"
#include "common/net/tls_client.h"
#include "common/net/tls_server.h"
#include "coordinator/coordinator.h"
#include "worker/worker.h"

namespace weft::bench {

constexpr std::int64_t kEmptyRunValues = 25'000;  // 100 KB

inline std::shared_ptr<const Manifest> empty_manifest() {
  return std::make_shared<const Manifest>(
      Manifest::build({{"base_model.model.head.weight", {kEmptyRunValues}}}).value());
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
  fl::SiteFacts facts_{.base_digest = std::string(64, 'b'),
                       .manifest = empty_manifest(),
                       .examples = {{"train", 1}, {"validation", 1}, {"test", 1}}};
};

// Certificates and run folder of one run, below the folder for temporary files; removed with it.
class EmptyRun {
 public:
  EmptyRun(const std::string& name, std::size_t sites)
      : folder_(std::filesystem::temp_directory_path() / ("weft_" + name + "_" + std::to_string(::getpid()))) {
    crypto::init_ca(folder_ / "pki");
    crypto::issue(folder_ / "pki", {.name = "coordinator", .role = crypto::Role::coordinator});
    for (std::size_t i = 0; i < sites; ++i) {
      sites_.push_back({"site" + std::to_string(i)});
      crypto::issue(folder_ / "pki", {.name = sites_.back().name});
    }
  }
  ~EmptyRun() { std::filesystem::remove_all(folder_); }
  EmptyRun(const EmptyRun&) = delete;
  EmptyRun& operator=(const EmptyRun&) = delete;

  const std::filesystem::path& folder() const { return folder_; }

  coordinator::CoordinatorOptions options(std::uint32_t rounds) const {
    coordinator::CoordinatorOptions options;
    options.folder = folder_ / "run";
    options.run = "empty";
    options.config_digest = "bench";
    options.settings =
        "task: {kind: sequence_classification}\nadapter: {method: lora}\nrounds: {count: " + std::to_string(rounds) +
        "}\ntrain: {local_steps: 1}\n";
    options.sites = sites_;
    options.rounds.count = rounds;
    options.base_digest = std::string(64, 'b');
    options.initial = StateDict::zeros(empty_manifest());
    options.scheme = metrics::classification_scheme(2);
    options.peft = {.base_model = "none", .adapter = {.target_modules = {.names = {"none"}}}};
    return options;
  }

  net::TlsServer server(const std::string& endpoint) const {
    return net::TlsServer(
        {.endpoint = endpoint, .credentials = crypto::credential_files(folder_ / "pki", "coordinator")});
  }

  // Forks the sites' processes, 25 sites in each.
  std::vector<pid_t> start_sites(const std::string& endpoint) const {
    constexpr std::size_t kOfAProcess = 25;
    std::vector<pid_t> processes;
    for (std::size_t at = 0; at < sites_.size(); at += kOfAProcess) {
      const auto some = std::span(sites_).subspan(at, std::min(kOfAProcess, sites_.size() - at));
      const pid_t child = ::fork();
      if (child == 0) ::_exit(run_sites(some, endpoint));
      processes.push_back(child);
    }
    return processes;
  }

 private:
  int run_sites(std::span<const SiteId> sites, const std::string& endpoint) const {
    log::set_level(log::Level::error);
    std::atomic<int> failed = 0;
    {
      std::vector<std::jthread> threads;
      for (const SiteId& site : sites)
        threads.emplace_back([&] {
          net::TlsClient client(
              {.endpoint = endpoint, .credentials = crypto::credential_files(folder_ / "pki", site.name)});
          const SystemClock clock;
          worker::Worker worker({.site = site,
                                 .folder = folder_ / site.name,
                                 .coordinator = endpoint,
                                 .weft_version = "bench",
                                 .make_trainer = [](const YamlView&) { return std::make_unique<NoTrainer>(); }},
                                client, clock, Rng(1));
          failed += worker.run({}).exit_code() == 0 ? 0 : 1;
        });
    }
    return failed == 0 ? 0 : 1;
  }

  std::filesystem::path folder_;
  std::vector<SiteId> sites_;
};

}  // namespace weft::bench
