// What happens in a run, as events for whoever shows or records it: terminal view, plain lines, JSON lines,
// TensorBoard. Observers are called from the coordinator's thread and must not block it.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/metrics/tally.h"

namespace weft::telemetry {

struct SiteJoined {
  std::string site;
  std::map<std::string, std::uint64_t> examples;  // per split
};
struct SiteLeft {
  std::string site, reason;
};
struct RoundStarted {
  std::uint32_t round = 0, of = 0;
  std::vector<std::string> cohort;
};
struct SiteProgress {
  std::string site, stage;  // "fetching", "loading", "training", ...: as wire::Progress says
  std::uint64_t done = 0, total = 0;
  double tokens_per_second = 0;
};
struct SiteScored {  // an evaluation of an adapter version by one site
  std::string site, split;
  std::uint32_t version = 0;
  std::uint64_t examples = 0;
  metrics::Tally tally;
  std::string primary;  // the value to show first
};
struct VersionScored {  // the same of all sites together, once it is final
  std::string split;
  std::uint32_t version = 0;
  std::uint64_t examples = 0;
  metrics::Tally tally;
  std::string primary;
};
inline constexpr const char* kStaleness = "staleness";  // of an update that missed its round, in versions; among values

struct UpdateAccepted {
  std::uint32_t round = 0;
  std::string site;
  std::uint64_t examples = 0;
  std::map<std::string, double> values;
};
struct UpdateRefused {
  std::uint32_t round = 0;
  std::string site, reason;
};
// No silent wait: for whom and until when (seconds from now; nullopt: for ever).
struct Waiting {
  std::vector<std::string> sites;
  std::string what;
  std::optional<double> seconds_left;
};
struct RoundCommitted {
  std::uint32_t round = 0, of = 0;
  std::vector<std::string> counted;  // sites whose updates are in
  double loss = 0;                   // mean training loss, weighted by examples
  double seconds = 0;
  std::uint64_t bytes_up = 0, bytes_down = 0;
  std::string adapter_digest;
};
struct RunFinished {
  std::uint32_t best_version = 0;
  std::string reason, adapter_digest;
  std::map<std::string, std::uint64_t> refusals;  // by kind
};

using RunEvent = std::variant<SiteJoined, SiteLeft, RoundStarted, SiteProgress, SiteScored, VersionScored,
                              UpdateAccepted, UpdateRefused, Waiting, RoundCommitted, RunFinished>;

class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void on(const RunEvent& event) = 0;
};

}  // namespace weft::telemetry
