// Sites and coordinator as child processes of this one.
#include <csignal>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/processes.h"
#include "cli/run_place.h"
#include "cli/simulation.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/crypto/pki.h"
#include "common/data/jsonl_writer.h"
#include "coordinator/run_folder.h"

namespace weft::cli {
namespace {

constexpr const char* kCoordinator = "coordinator process";  // no site can be called so
constexpr int kMaxRestarts = 5;                              // of one process

void write(const std::filesystem::path& path, const std::string& text) {
  if (const Status status = write_atomic(path, as_bytes(text), 0600); !status) throw Failure(status.error().message);
}

class Launcher {
 public:
  Launcher(const SimulatedRun& job, std::stop_token stop)
      : job_(job),
        stop_(stop),
        private_(private_folder_of(job.place.folder)),
        endpoint_("tcp://127.0.0.1:" + std::to_string(free_loopback_port())) {
    crypto::init_ca(pki(), {.name = "throwaway CA of a simulated run", .valid_days = 2});
    crypto::issue(pki(), {.name = "coordinator",
                          .role = crypto::Role::coordinator,
                          .valid_days = 1,
                          .extra_hosts = {"127.0.0.1", "localhost"}});
    for (const data::SiteData& site : job.sites) add_site(site);
    add_coordinator();
  }

  int run() {
    if (stop_.stop_requested()) return 1;
    const std::stop_callback forward(stop_, [this] { children_.signal_all(SIGTERM); });
    start(kCoordinator);
    for (const data::SiteData& site : job_.sites) start(site.name);
    int code = 0;
    bool finished = false;
    while (const auto exit = children_.wait()) {
      if (exit->code == 0) {
        // The run has ended, or was stopped; a site that could not be told would dial for ever.
        if (exit->name == kCoordinator) {
          finished = std::filesystem::exists(coordinator::RunFolder(job_.place.folder).summary());
          if (!finished && code == 0) code = 1;
          children_.signal_all(SIGTERM);
        }
        continue;
      }
      if (finished) continue;
      if (exit->code > 128 && !stop_.stop_requested() && code == 0 && restarts_[exit->name]++ < kMaxRestarts) {
        log::warn(exit->name + " was ended by signal " + std::to_string(exit->code - 128) + "; starting it again");
        start(exit->name);
        continue;
      }
      // The first that fails decides; the others are told to stop.
      if (code == 0) {
        code = exit->code > 2 ? 1 : exit->code;
        report(*exit);
        children_.signal_all(SIGTERM);
      }
    }
    return code;
  }

 private:
  std::filesystem::path pki() const { return private_.path() / "pki"; }
  std::filesystem::path log_of(const std::string& site) const { return job_.place.folder / "logs" / (site + ".log"); }

  void add_site(const data::SiteData& site) {
    const crypto::CredentialFiles files = crypto::issue(pki(), {.name = site.name, .valid_days = 1});
    const std::filesystem::path data = private_.path() / (site.name + ".jsonl");
    data::write_jsonl(data, site.splits, job_.run.settings.task);
    std::filesystem::permissions(data, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    std::string limits;
    for (const char* key : {"max_rounds", "max_local_steps", "max_batch_size", "max_tokens", "max_parameters",
                            "max_trainings", "max_scorings"})
      limits.append("  ").append(key).append(": ").append(std::to_string(kAnyNumber)).append("\n");
    limits += "  min_scored: 1\n";
    const std::filesystem::path site_file = private_.path() / (site.name + ".yaml");
    const auto quoted = [](const std::filesystem::path& path) {
      return nlohmann::json(std::filesystem::absolute(path).string()).dump();  // also a YAML string
    };
    write(site_file, "site: \"" + site.name + "\"\ncoordinator: " + endpoint_ +
                         "\nidentity:\n  ca: " + quoted(files.ca) + "\n  certificate: " + quoted(files.certificate) +
                         "\n  key: " + quoted(files.key) + "\nmodel:\n  path: " + quoted(job_.run.model) + "\nstate: " +
                         quoted(job_.place.folder / "sites" / site.name) + "\ndevice: " + job_.run.device +
                         "\npolicy:\n" + limits + "data:\n" + data::jsonl_data_block(job_.run.simulation->data, data));
    specs_[site.name] = {.name = site.name, .arguments = {"worker", site_file.string()}, .output = log_of(site.name)};
  }

  void add_coordinator() {
    const std::filesystem::path file = private_.path() / "run.yaml";
    write(file, job_.run.text);
    ChildSpec spec{.name = kCoordinator,
                   .arguments = {"coordinator", file.string(), "--out", job_.place.folder.string(), "--pki",
                                 pki().string(), "--set", "network.listen=" + endpoint_},
                   .output = std::nullopt};
    if (job_.place.json) spec.arguments.emplace_back("--json");
    spec.arguments.emplace_back("--launched");
    specs_[kCoordinator] = std::move(spec);
  }

  void start(const std::string& name) {
    ChildSpec spec = specs_.at(name);
    if (name == kCoordinator) {
      if (job_.place.resume || restarts_[name] > 0) spec.arguments.emplace_back("--resume");
    } else {
      make_folder(log_of(name).parent_path());
    }
    children_.start(spec);
    if (stop_.stop_requested()) children_.signal_all(SIGTERM);
  }

  void report(const ChildExit& exit) const {
    if (exit.name == kCoordinator || stop_.stop_requested()) return;  // it has said so itself
    log::error("the process of " + exit.name + " ended with code " + std::to_string(exit.code) + "; the end of " +
               log_of(exit.name).string() + ":\n" + last_lines(log_of(exit.name), 5));
  }

  const SimulatedRun& job_;
  std::stop_token stop_;
  PrivateFolder private_;
  std::string endpoint_;
  std::map<std::string, ChildSpec> specs_;
  std::map<std::string, int> restarts_;
  ChildProcesses children_;
};

}  // namespace

int simulate_as_processes(const SimulatedRun& job, std::stop_token stop) { return Launcher(job, stop).run(); }

}  // namespace weft::cli
