// The coordinator's half of a job, shared by `weft coordinator` and `weft simulate`: its options from a run file and a
// base model, and who watches the run.
#pragma once
#include <filesystem>
#include <memory>
#include <string>

#include "cli/local_job.h"
#include "cli/run_file.h"
#include "common/base/clock.h"
#include "common/crypto/signature.h"
#include "common/net/transport.h"
#include "common/telemetry/run_observer.h"
#include "coordinator/coordinator.h"

namespace weft::cli {

struct RunPlace {
  std::filesystem::path folder;
  bool resume = false;
  bool json = false;  // events as JSON lines on stdout instead of the view for people
};

// Version 0: that of adapter.start, else a fresh one. ConfigError when the former does not fit the base.
StateDict initial_adapter(const RunFile& run, const Base& base);

coordinator::CoordinatorOptions coordinator_options(const RunFile& run, const Base& base, const RunPlace& place);

struct Serving {
  std::stop_token stop;
  std::function<void()> opened = {};  // called when the run folder is ours and before any site is served
  std::function<void(coordinator::Coordinator&)> between = {};  // see Coordinator::run
  std::optional<crypto::Signer> signer = {};                    // see CoordinatorOptions::signer
  std::optional<std::filesystem::path> ca = {};                 // and ca
};
// Runs the coordinator over a transport to its end: views, TensorBoard events, config.yaml in the folder.
coordinator::CoordinatorResult run_coordinator(const RunFile& run, const Base& base, const RunPlace& place,
                                               net::ServerTransport& transport, Serving serving);

// Test scores per site and overall, and where the results are, from the folder's summary.json; for people.
std::string result_text(const std::filesystem::path& folder);

}  // namespace weft::cli
