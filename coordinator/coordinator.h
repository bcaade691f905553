// The coordinator's process: one thread that owns the sessions, the round machine, the accumulator and the ledger.
// All decisions are RoundMachine's and admission's; this moves bytes and makes commits durable.
//
// Memory: one accumulator and at most `transfer_bytes` of updates on their way in (at least two windows); other sites'
// offers wait for a place. Adapter and updates are on disk and pass by windows.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/ids.h"
#include "common/base/rng.h"
#include "common/checkpoint/peft_folder.h"
#include "common/crypto/signature.h"
#include "common/fl/config.h"
#include "common/fl/round.h"
#include "common/metrics/scheme.h"
#include "common/net/transport.h"
#include "common/telemetry/rss.h"
#include "common/telemetry/run_observer.h"
#include "common/tensor/base_files.h"
#include "common/tensor/state_dict.h"

namespace weft::coordinator {

inline constexpr std::uint64_t kTransferBytes = 64 << 20;

struct CoordinatorOptions {
  std::filesystem::path folder;  // of the run; see run_folder.h
  Disk* disk = &system_disk();   // that it is on
  bool resume = false;
  std::string run;            // its name
  std::string run_id;         // for tests that must repeat; empty: a new one
  std::string config_digest;  // of what must stay the same when the run is resumed
  std::string settings;       // for the sites, as YAML
  std::uint64_t seed = 0;
  std::vector<SiteId> sites;
  fl::RoundsConfig rounds;
  fl::AggregationConfig aggregation;
  std::string base_digest;
  BaseList base_files;                // sites without the base model are sent these; none: it is not handed out
  std::filesystem::path base_folder;  // where they lie, on the same disk
  StateDict initial;                  // version 0
  metrics::Scheme scheme;             // what scores count, and what decides
  checkpoint::PeftConfig peft;        // how adapter/ is written
  checkpoint::AdapterFacts facts;     // run, labels, max_tokens, base_digest; the rest is filled in
  std::map<std::string, std::string> versions;  // "weft", "libtorch", ...: for summary.json
  std::uint64_t transfer_bytes = kTransferBytes;
  Milliseconds stall_timeout{30'000};    // a transfer that moves no chunk for so long gives its place to one that waits
  std::optional<crypto::Signer> signer;  // of the ledger's records and the sites' receipts; none within one process
  std::optional<std::filesystem::path> ca;  // of all who signed the ledger that is resumed; none: of anybody
  std::function<std::uint64_t()> peak_rss = telemetry::peak_rss_bytes;  // for summary.json
  // For fault tests: called at "adapter_written", "ledger_committed", "settled", "result_written". May throw.
  std::function<void(std::string_view)> at_step;
};

struct CoordinatorResult {
  bool finished = false;  // else stopped by the token; --resume goes on
  std::uint32_t best_version = 0;
  std::string adapter_digest;  // StateDict::digest() of the best version
  std::string reason;
};

class Coordinator {
 public:
  // Opens or makes the run folder. ConfigError: the folder holds another run, or holds this one and resume was not
  // asked for. Failure: another process holds it. All references outlive this.
  Coordinator(CoordinatorOptions options, net::ServerTransport& transport, const Clock& clock,
              telemetry::RunObserver& observer);
  ~Coordinator();
  // Returns when the run is finished and every site that is connected was told, or when `stop` asks. Call it once.
  // `between`, if given, is called each time before an event is waited for; transport.wake() brings it about.
  CoordinatorResult run(const std::stop_token& stop, const std::function<void()>& between = {});

  // The same in steps, for a caller that has other things to do in this thread: start(), then step() until it returns
  // a result. Each step takes one event of the transport, for which it waits until wake_at() at most.
  void start();
  std::optional<CoordinatorResult> step();
  TimePoint wake_at() const;

  // While it runs, from its thread. Who may join, from the next round on: not empty. Sites that are not listed any more
  // are told so then, and new ones may connect at once.
  void change_sites(std::vector<SiteId> sites);
  // Its certificate was revoked, and the transport lets it in no more: the round does not wait for it.
  void shut_out(const SiteId& site);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weft::coordinator
