// A site's process: one thread that talks (the caller's) and one that trains. All decisions are Session's; this runs
// its actions. It goes on for ever, through lost connections and dead coordinators, until the run ends, the site's
// administrator stops it, or something fails that trying again cannot mend.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/disk_room.h"
#include "common/base/ids.h"
#include "common/base/rng.h"
#include "common/config/yaml_view.h"
#include "common/fl/local_trainer.h"
#include "common/net/transport.h"
#include "worker/policy.h"

namespace weft::worker {

void say_to_log(bool warning, const std::string& text);

struct WorkerOptions {
  SiteId site;
  std::filesystem::path folder;  // finished updates live here until the coordinator has committed them
  Disk* disk = &system_disk();   // that it is on
  Policy policy;
  std::string coordinator;   // endpoint, for messages to people
  std::string weft_version;  // told to the coordinator
  // Where the base model lies, if it may come from the coordinator; empty: it may not. Nothing is fetched where that
  // folder has anything in it.
  std::filesystem::path fetch_into;
  // What the site's operator is told, on the thread of run(); by default the log.
  std::function<void(bool warning, const std::string& text)> say = say_to_log;
  // Called on the training thread once the policy has accepted the run, with Welcome's settings. May throw ConfigError
  // or Failure. The trainer is used and destroyed on that thread.
  std::function<std::unique_ptr<fl::LocalTrainer>(const YamlView& settings)> make_trainer;
};

// What a worker will surely write into its folder: a finished update, beside one whose commit is not acknowledged yet.
DiskNeed disk_need(const std::filesystem::path& folder, std::uint64_t update_bytes);

enum class Outcome {
  finished,       // the run has ended
  stopped,        // by the stop token
  misconfigured,  // ConfigError, or refused by this site's policy
  failed,
};
struct WorkerResult {
  Outcome outcome = Outcome::failed;
  std::string reason;
  std::uint32_t version = 0;  // the run's best version, when finished
  int exit_code() const { return outcome == Outcome::misconfigured ? 2 : outcome == Outcome::failed ? 1 : 0; }
};

class Mailbox;
class TaskRunner;
using MakeRunner = std::function<std::unique_ptr<TaskRunner>(Mailbox&)>;

class Worker {
 public:
  // `transport` and `clock` outlive the worker. `make_runner`: who performs tasks; empty: a thread of its own.
  // Throws Failure when another process holds the folder.
  Worker(WorkerOptions options, net::ClientTransport& transport, const Clock& clock, const Rng& rng,
         MakeRunner make_runner = {});
  ~Worker();
  // Returns when the outcome is known; call it once. Connects at once and again whenever the session is lost.
  WorkerResult run(const std::stop_token& stop);

  // The same in steps, for a caller that has other things to do in this thread: start(), then step() until it returns
  // a result. Each step takes an event of the mailbox and one of the transport, and waits for them until wake_at().
  void start();
  std::optional<WorkerResult> step(const std::stop_token& stop = {});
  TimePoint wake_at() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weft::worker
