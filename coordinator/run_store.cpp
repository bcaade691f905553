// Opening a run folder, committing rounds to it, and its result.
#include "coordinator/run_store.h"

#include <algorithm>
#include <ctime>
#include <random>
#include <utility>

#include "common/base/digest.h"
#include "common/fl/admission.h"
#include "common/wire/receipt.h"
#include "coordinator/ledger_check.h"
#include "coordinator/summary.h"
#include "coordinator/uploads.h"

namespace weft::coordinator {
namespace {

// 32 hex characters that no other run has.
std::string new_run_id() {
  std::random_device source;
  Bytes bytes;
  for (int i = 0; i < 4; ++i) {
    const std::uint32_t word = source();
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<std::uint8_t>(word >> shift));
  }
  return to_hex(bytes);
}

void refuse_other_run(const std::filesystem::path& folder, const std::optional<RunFacts>& there, bool resume) {
  if (there && !resume)
    throw ConfigError(folder.string() + " already holds run \"" + there->run + "\" (" + there->run_id +
                      "); go on with it by --resume, or choose another folder");
}

// The ledger's file, once it is certain that this folder may be used.
std::filesystem::path checked(const CoordinatorOptions& options) {
  const std::filesystem::path file = RunFolder(options.folder).ledger();
  if (!has_ledger(options.folder, *options.disk)) {
    refuse_without_ledger(options.folder, *options.disk);
    // What is only tight is said later, once.
    const RunSize size{.adapter_bytes = options.initial.values.size() * sizeof(float),
                       .sites = options.sites.size(),
                       .changes_base = options.peft.adapter.changes_base()};
    const RoomFound found =
        room_for(disk_need(options.folder, size, options.rounds, options.aggregation, *options.disk), *options.disk);
    if (found.room == Room::none) throw Failure(found.text);
  }
  options.disk->make_folder(options.folder / "versions");
  return file;
}

// But for where the median keeps the updates.
fl::AggregatorShape shape_of(const fl::RoundsConfig& rounds, std::size_t sites, std::size_t parameters) {
  return {.sites = sites,
          .parameters = parameters,
          .local_steps = rounds.local_steps,
          .min_steps = fl::least_steps(rounds),
          .scratch = {}};
}

// A site says its steps; where they count they are checked (admission.h).
std::uint32_t whole(double number) { return static_cast<std::uint32_t>(std::clamp(number, 0.0, 4e9)); }

double mean_loss(const std::vector<UpdateRow>& updates) {
  double sum = 0, examples = 0;
  for (const UpdateRow& update : updates) {
    const auto loss = update.values.find("loss");
    if (loss == update.values.end()) continue;
    sum += loss->second * static_cast<double>(update.examples);
    examples += static_cast<double>(update.examples);
  }
  return examples > 0 ? sum / examples : 0;
}

// Calls `each` with where a window begins, in values, and a buffer of its size.
template <class Each>
void by_windows(std::size_t total, const Each& each) {
  std::vector<float> window(std::min(total, kWindowValues));
  for (std::size_t at = 0; at < total; at += window.size())
    each(at, std::span(window).first(std::min(window.size(), total - at)));
}

}  // namespace

void check_run_folder(const std::filesystem::path& folder, bool resume) {
  if (has_ledger(folder))
    refuse_other_run(folder, Ledger(RunFolder(folder).ledger()).run(), resume);
  else
    refuse_without_ledger(folder);
}

bool has_ledger(const std::filesystem::path& folder, Disk& disk) {
  const std::filesystem::path file = RunFolder(folder).ledger();
  if (!disk.exists(file)) return false;
  const auto there = disk.open(file);
  return !there || there.value()->size() > 0;
}

// What dies before its run begins leaves version 0 at most.
void refuse_without_ledger(const std::filesystem::path& folder, Disk& disk) {
  std::vector<std::filesystem::path> left{"adapter", "summary.json"};
  for (const std::uint32_t version : RunFolder(folder, disk).versions())
    if (version > 0) left.push_back(RunFolder("").version(version));
  for (const std::filesystem::path& name : left)
    if (disk.exists(folder / name))
      throw ConfigError(folder.string() + " has " + name.string() +
                        " but no ledger.sqlite: that was lost (put it back), or it is not a run's folder of this weft; "
                        "choose another folder");
}

DiskNeed disk_need(const std::filesystem::path& folder, const RunSize& size, const fl::RoundsConfig& rounds,
                   const fl::AggregationConfig& aggregation, Disk& disk) {
  constexpr std::uint64_t kRest = 1 << 20;  // ledger, summary, events
  const std::size_t versions = (size.resume ? 1 : 2) + std::min<std::size_t>(rounds.max_staleness, size.sites);
  const std::size_t updates = aggregation.method == "median"
                                  ? size.sites
                                  : std::min(size.sites, upload_places(kTransferBytes, size.adapter_bytes));
  constexpr std::size_t kResult = 1;
  std::uint64_t bytes = (versions + (size.changes_base ? 1 : 0) + kResult + updates) * size.adapter_bytes + kRest;
  for (const std::filesystem::path& file : disk.list(RunFolder(folder).incoming()))  // is a part of it already
    if (const auto opened = disk.open(file)) bytes -= std::min(bytes, opened.value()->size());
  return {folder, bytes,
          std::to_string(versions) + (versions == 1 ? " version" : " versions") + " of an adapter of " +
              human_bytes(size.adapter_bytes) + (size.changes_base ? ", its start" : "") + ", the result, " +
              std::to_string(updates) + " updates and the ledger"};
}

void check_aggregation(const fl::AggregationConfig& aggregation, const fl::RoundsConfig& rounds, std::size_t sites) {
  fl::make_aggregator(aggregation, shape_of(rounds, sites, 0));
}

RunStore::RunStore(CoordinatorOptions& options, const Clock& clock)
    : options_(options),
      clock_(clock),
      folder_(options.folder, *options.disk),
      ledger_(checked(options), options.signer, *options.disk),
      facts_{.run = options.run,
             .run_id = options.run_id.empty() ? new_run_id() : options.run_id,
             .config_digest = options.config_digest,
             .seed = options.seed,
             .base_digest = options.base_digest,
             .manifest_digest = options.initial.manifest->digest(),
             .initial_digest = options.initial.digest()},
      manifest_(options.initial.manifest) {
  for (const std::filesystem::path& folder : {options.folder, folder_.version(0).parent_path()})
    drop_temporaries(folder, *options.disk);
  take(std::exchange(options.initial, {}));
  expect_sites(options.sites.size());
}

bool RunStore::forget_added() {
  if (added_.empty()) return false;
  added_.clear();
  expect_sites(options_.sites.size());
  return true;
}

void RunStore::expect_sites(std::size_t sites) {
  WEFT_CHECK(added_.empty(), "the accumulator's scale follows from the number of sites and holds for a whole round");
  mean_.reset();  // there is memory for one
  mean_ = aggregator_for(sites);
}

std::unique_ptr<fl::Aggregator> RunStore::aggregator_for(std::size_t sites) const {
  fl::AggregatorShape shape = shape_of(options_.rounds, sites, manifest_->total());
  shape.scratch = [this] { return options_.disk->scratch(options_.folder).value(); };
  return fl::make_aggregator(options_.aggregation, shape);
}

void RunStore::check_sites(std::size_t sites) const {
  check_aggregation(options_.aggregation, options_.rounds, sites);
  if (sites <= options_.sites.size()) return;
  if (const RoomFound found = room_for(need(sites, true), *options_.disk); found.room == Room::none)
    throw ConfigError("for " + std::to_string(sites) + " sites: " + found.text);
}

DiskNeed RunStore::need(std::size_t sites, bool resume) const {
  DiskNeed need = disk_need(options_.folder,
                            {.adapter_bytes = payload_bytes(),
                             .sites = sites,
                             .changes_base = options_.peft.adapter.changes_base(),
                             .resume = resume},
                            options_.rounds, options_.aggregation, *options_.disk);
  if (options_.aggregation.method == "median") need.bytes -= std::min(need.bytes, added_.size() * payload_bytes());
  return need;
}

// The initial adapter is needed on disk only, and is gone from memory before the accumulator is made.
void RunStore::take(const StateDict& initial) {
  const std::optional<RunFacts> there = ledger_.run();
  refuse_other_run(options_.folder, there, options_.resume);
  require_room(need(options_.sites.size(), there.has_value()), *options_.disk);
  if (options_.peft.adapter.changes_base()) {
    taken_start_ = options_.disk->scratch(options_.folder).value();
    taken_start_->append(bytes_of(std::span<const float>(initial.values))).value();
  }
  there ? resume() : begin(initial);
}

void RunStore::begin(const StateDict& initial) {
  VersionWriter file = folder_.write_version(0, *manifest_);
  file.append(initial.values);
  files_.emplace(0, file.commit());
  stored_ = {0};
  ledger_.begin(facts_);
}

void RunStore::resume() {
  resumed_ = true;
  ledger_.check_same_run(facts_);
  require_sound(ledger_, folder_.ledger(), {.folder = {}, .receipts = {}, .ca = options_.ca});
  ledger_.keep_certificate();
  facts_ = ledger_.run().value();
  const std::string& metric = options_.scheme.primary;
  history_ = ledger_.history(metric);
  history_.resumed = true;
  version_ = history_.committed;
  best_ = fl::best_version(history_.validation, metric);
  if (best_) best_scores_ = ledger_.scores(*best_);
  median_norm_ = fl::median_norm(ledger_.norms(fl::kMostNorms));
  version_file(version_);
  for (std::uint32_t version = 0; version <= version_; ++version) stored_.insert(version);  // as far as they are there
}

bool RunStore::keeps(std::uint32_t version) {
  if (!stored_.contains(version)) return false;
  if (files_.contains(version)) return true;
  Result<VersionFile> file = folder_.open_version(version, ledger_.adapter_digest(version), *manifest_);
  return file && files_.emplace(version, std::move(file).value()).second;
}

void RunStore::step(const char* name) const {
  if (options_.at_step) options_.at_step(name);
}

const VersionFile& RunStore::version_file(std::uint32_t version) {
  const auto there = files_.find(version);
  if (there != files_.end()) return there->second;
  return files_.emplace(version, folder_.open_version(version, ledger_.adapter_digest(version), *manifest_).value())
      .first->second;
}

void RunStore::add(UpdateRow update, const RandomReader& payload) {
  const auto steps = update.values.find("steps");
  const fl::Share share{.examples = options_.aggregation.by_examples ? update.examples : 1,
                        .steps = steps == update.values.end() ? 1 : whole(steps->second),
                        .staleness = update.staleness};
  by_windows(manifest_->total(), [&](std::size_t at, std::span<float> window) {
    payload.read(at * sizeof(float), writable_bytes_of(window)).value();
    mean_->add_window(at, window, share);
    while_busy();
  });
  added_.insert_or_assign(update.site, std::move(update));
}

const UpdateRow* RunStore::added(const SiteId& site) const {
  const auto found = added_.find(site);
  return found == added_.end() ? nullptr : &found->second;
}

std::optional<wire::Settled> RunStore::settled(const SiteId& site, std::uint32_t round,
                                               const std::string& digest) const {
  const std::optional<CommittedUpdate> update = ledger_.committed(site, round, digest);
  if (!update) return std::nullopt;
  wire::Settled settled{.round = round, .digest = digest, .verdict = "committed", .record = update->record};
  if (options_.signer)
    settled.signature = to_hex(options_.signer->sign(as_bytes(wire::receipt_statement({.run_id = facts_.run_id,
                                                                                       .round = round,
                                                                                       .site = site.name,
                                                                                       .digest = digest,
                                                                                       .examples = update->examples,
                                                                                       .record = update->record}))));
  return settled;
}

std::optional<wire::Settled> RunStore::last_settled(const SiteId& site) const {
  const auto last = ledger_.last_update(site);
  return last ? settled(site, last->first, last->second) : std::nullopt;
}

bool RunStore::counted_last(const SiteId& site) const {
  const auto last = ledger_.last_update(site);
  return last && last->first + options_.rounds.max_staleness >= version_;
}

RoundRow RunStore::commit(RoundRow row, const std::vector<fl::SiteScore>& scores,
                          const std::set<std::uint32_t>& at_work) {
  for (auto& [site, update] : added_) row.updates.push_back(std::move(update));
  row.loss = mean_loss(row.updates);
  row.time = utc_now();
  VersionFile next = write_next(row.round);
  row.adapter_digest = next.digest();
  step("adapter_written");
  ledger_.commit(row, scores);
  step("ledger_committed");
  files_.insert_or_assign(row.round, std::move(next));
  version_ = row.round;
  median_norm_ = fl::median_norm(ledger_.norms(fl::kMostNorms));
  mean_->clear();
  added_.clear();
  stored_.insert(row.round);
  compete(scores);
  remove_old_versions(at_work);
  return row;
}

VersionFile RunStore::write_next(std::uint32_t version) {
  const VersionFile& now = version_file(version_);
  VersionWriter next = folder_.write_version(version, *manifest_);
  by_windows(manifest_->total(), [&](std::size_t at, std::span<float> window) {
    now.read(at, window);
    mean_->apply_window(at, window);
    next.append(window);
    while_busy();
  });
  return next.commit();
}

// The best of these and of the best so far.
void RunStore::compete(const std::vector<fl::SiteScore>& scores) {
  best_scores_.insert(best_scores_.end(), scores.begin(), scores.end());
  const std::string& metric = options_.scheme.primary;
  best_ = fl::best_version(fl::validation_values(best_scores_, metric), metric);
  std::erase_if(best_scores_, [this](const fl::SiteScore& score) { return score.version != best_; });
}

// What nobody can need again: all but the best version so far, the newest, whose scores are still to come, and those
// that sites are at work on.
void RunStore::remove_old_versions(const std::set<std::uint32_t>& at_work) {
  std::erase_if(stored_, [&](std::uint32_t version) {
    if (version == version_ || version == best_ || at_work.contains(version)) return false;
    files_.erase(version);
    folder_.remove_version(version);
    return true;
  });
}

void RunStore::end(const fl::FinishRun& finish) {
  ledger_.finish({finish.best_version, finish.reason}, finish.scores);
  compete(finish.scores);
}

StateDict RunStore::load(std::uint32_t version) const {
  StateDict adapter = folder_.read_version(version, ledger_.adapter_digest(version)).value();
  adapter.manifest = manifest_;  // equal by their digests
  return adapter;
}

StateDict RunStore::taken_start() const {
  if (!taken_start_) return {};
  StateDict start = StateDict::zeros(manifest_);
  taken_start_->read(0, writable_bytes_of(std::span(start.values))).value();
  return start;
}

std::string RunStore::write_result() {
  mean_.reset();  // nothing is added any more, and what follows needs memory
  folder_.disk().remove_all(folder_.incoming()).value();
  const EndRow end = ledger_.end().value();
  const std::string digest = ledger_.adapter_digest(end.best_version);
  checkpoint::AdapterFacts facts = options_.facts;
  facts.run = facts_.run;
  facts.run_id = facts_.run_id;
  facts.version = end.best_version;
  facts.base_digest = facts_.base_digest;
  facts.adapter_digest = digest;
  checkpoint::write_peft_folder(
      folder_.adapter(),
      checkpoint::without_changed_base(
          {.config = options_.peft, .state = load(end.best_version), .facts = std::move(facts)}, taken_start()),
      folder_.disk());
  std::unique_ptr<AtomicWriter> summary = folder_.disk().create(folder_.summary()).value();
  write_summary(ledger_,
                {.versions = options_.versions,
                 .metric = options_.scheme.primary,
                 .adapter_sha256 = digest,
                 .coordinator_peak_rss_bytes = options_.peak_rss()},
                [&](const std::string& text) { summary->append(as_bytes(text)).value(); });
  summary->commit().value();
  remove_old_versions();
  step("result_written");
  return digest;
}

std::string RunStore::utc_now() const {
  const std::time_t now = std::chrono::system_clock::to_time_t(clock_.wall());
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace weft::coordinator
