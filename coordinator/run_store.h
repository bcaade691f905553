// Everything of a run that must survive, and how a round becomes part of it: ledger, version files and the
// accumulator of the open round. Of adapter and updates a window at a time is in memory.
//
// Order of a commit: version file written and synced, then the ledger's transaction. A crash between them leaves a file
// that the next commit overwrites with the same bytes.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/disk_room.h"
#include "common/fl/aggregator.h"
#include "common/fl/round.h"
#include "common/wire/messages.h"
#include "coordinator/coordinator.h"
#include "coordinator/ledger.h"
#include "coordinator/run_folder.h"

namespace weft::coordinator {

// Throws what opening the store would say of the folder: ConfigError when it holds a run and `resume` is not set;
// Failure when another process holds it. For callers that load much before they open it.
void check_run_folder(const std::filesystem::path& folder, bool resume);
// Whether it has one that is not empty, as a process leaves it that died when it had made it.
bool has_ledger(const std::filesystem::path& folder, Disk& disk = system_disk());
// Of these the one about a folder without ledger: ConfigError when it has what only a run leaves.
void refuse_without_ledger(const std::filesystem::path& folder, Disk& disk = system_disk());

struct RunSize {
  std::uint64_t adapter_bytes = 0;
  std::size_t sites = 0;
  bool changes_base = false;  // AdapterConfig::changes_base()
  bool resume = false;
};

// What a run will surely write into its folder: two versions of the adapter (one when it goes on) and those that late
// updates may come from, its start where the result is told from that, the result, and the updates that wait there at
// once, which with the median are those of all sites; less what has come of them already.
DiskNeed disk_need(const std::filesystem::path& folder, const RunSize& size, const fl::RoundsConfig& rounds,
                   const fl::AggregationConfig& aggregation, Disk& disk = system_disk());

// ConfigError: the limits leave no precision for the updates of so many sites.
void check_aggregation(const fl::AggregationConfig& aggregation, const fl::RoundsConfig& rounds, std::size_t sites);

class RunStore {
 public:
  // Opens or makes the run folder; see Coordinator. `options` outlives the store; its initial adapter is taken.
  RunStore(CoordinatorOptions& options, const Clock& clock);

  const RunFacts& facts() const { return facts_; }
  Ledger& ledger() { return ledger_; }
  // What was durable when it was opened, as decisions need it; once.
  fl::History take_history() { return std::exchange(history_, {}); }
  bool resumed() const { return resumed_; }  // there was a run in the folder
  std::uint32_t version() const { return version_; }
  std::uint64_t payload_bytes() const { return manifest_->total() * sizeof(float); }

  // What sites fetch. Throws Failure when its file is missing or torn.
  const VersionFile& version_file(std::uint32_t version);
  bool keeps(std::uint32_t version);  // whether its file is there, and whole

  bool forget_added();  // the open round begins anew; false: there was none
  // How many may send updates from now on; while no update is in the accumulator.
  void expect_sites(std::size_t sites);
  // ConfigError: a run of so many sites cannot go on here.
  void check_sites(std::size_t sites) const;
  // The caller has admitted it; `payload` is all of it. Adds it to the accumulator; nothing is durable yet.
  void add(UpdateRow update, const RandomReader& payload);
  const UpdateRow* added(const SiteId& site) const;  // in the open round

  // What a site is told of an update that counts, and its receipt; nullopt: it does not (yet). The same update is told
  // the same facts for ever; signed anew, for the coordinator's certificate may be another one since.
  std::optional<wire::Settled> settled(const SiteId& site, std::uint32_t round, const std::string& digest) const;
  std::optional<wire::Settled> last_settled(const SiteId& site) const;  // of its newest update that counts
  bool counted_last(const SiteId& site) const;                          // whether that is in the newest round
  // Of the norms of committed updates; what those of the open round are judged against.
  std::optional<double> median_norm() const { return median_norm_; }

  // `row` has what the caller knows: round, cohort, seconds, bytes. The rest is filled in. `at_work`: versions that
  // sites may still fetch.
  RoundRow commit(RoundRow row, const std::vector<fl::SiteScore>& scores, const std::set<std::uint32_t>& at_work = {});
  // Makes the end durable, once.
  void end(const fl::FinishRun& finish);
  // Writes adapter/ and summary.json of a run that has ended; may be repeated. Returns the best version's digest.
  std::string write_result();

  std::string utc_now() const;

  std::function<void()> while_busy = [] {};  // called between the windows of an adapter that is gone through

 private:
  std::unique_ptr<fl::Aggregator> aggregator_for(std::size_t sites) const;
  DiskNeed need(std::size_t sites, bool resume) const;
  void take(const StateDict& initial);
  void begin(const StateDict& initial);
  void resume();
  void step(const char* name) const;
  VersionFile write_next(std::uint32_t version);
  StateDict load(std::uint32_t version) const;
  StateDict taken_start() const;
  void compete(const std::vector<fl::SiteScore>& scores);
  void remove_old_versions(const std::set<std::uint32_t>& at_work = {});

  CoordinatorOptions& options_;
  const Clock& clock_;
  RunFolder folder_;
  Ledger ledger_;
  RunFacts facts_;
  std::shared_ptr<const Manifest> manifest_;
  std::unique_ptr<ScratchFile> taken_start_;  // version 0 where the result is made plain LoRA by it; else none
  fl::History history_;                       // until it is taken
  bool resumed_ = false;
  std::uint32_t version_ = 0;
  std::optional<std::uint32_t> best_;       // of the versions that have scores
  std::vector<fl::SiteScore> best_scores_;  // of best_ alone, so that a round costs the same however many were before
  std::set<std::uint32_t> stored_;          // versions with a file
  std::unique_ptr<fl::Aggregator> mean_;
  std::map<SiteId, UpdateRow> added_;
  std::optional<double> median_norm_;
  std::map<std::uint32_t, VersionFile> files_;  // those that are open
};

}  // namespace weft::coordinator
