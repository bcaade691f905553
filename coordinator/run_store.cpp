// Opening a run folder, committing rounds to it, and its result.
#include "coordinator/run_store.h"

#include <ctime>
#include <random>

#include "common/base/digest.h"
#include "common/fl/admission.h"
#include "common/telemetry/rss.h"
#include "common/wire/receipt.h"
#include "common/wire/transfer.h"
#include "coordinator/summary.h"

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

void refuse_without_ledger(const std::filesystem::path& folder, bool resume, Disk& disk) {
  if (resume) throw ConfigError(folder.string() + " holds no run to resume; leave --resume out to begin one");
  for (const char* name : {"adapter", "summary.json"})
    if (disk.exists(folder / name))
      throw ConfigError(folder.string() + " has " + name +
                        " but no ledger.sqlite: it is not a run's folder of this weft; choose another folder");
}

// The ledger's file, once it is certain that this folder may be used.
std::filesystem::path checked(const CoordinatorOptions& options) {
  const std::filesystem::path file = RunFolder(options.folder).ledger();
  if (!options.disk->exists(file)) refuse_without_ledger(options.folder, options.resume, *options.disk);
  options.disk->make_folder(options.folder / "versions");
  return file;
}

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

}  // namespace

void check_run_folder(const std::filesystem::path& folder, bool resume) {
  const std::filesystem::path file = RunFolder(folder).ledger();
  if (std::filesystem::exists(file))
    refuse_other_run(folder, Ledger(file).run(), resume);
  else
    refuse_without_ledger(folder, resume, system_disk());
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
      pissa_start_(options.peft.adapter.init == LoraInit::pissa ? options.initial : StateDict{}),
      adapter_(std::move(options.initial)) {
  const std::optional<RunFacts> there = ledger_.run();
  refuse_other_run(options.folder, there, options.resume);
  there ? resume() : begin();
  mean_ = fl::make_aggregator(options.aggregation, options.sites.size(), adapter_.manifest->total());
}

void RunStore::begin() {
  folder_.write_version(0, adapter_);
  stored_ = {0};
  ledger_.begin(facts_);
}

void RunStore::resume() {
  ledger_.check_same_run(facts_);
  facts_ = ledger_.run().value();
  const fl::History history = ledger_.history();
  version_ = history.committed;
  compete(history.scores);
  median_norm_ = fl::median_norm(ledger_.norms(fl::kMostNorms));
  StateDict committed = load(version_);
  committed.manifest = adapter_.manifest;  // equal by their digests; sites' manifests are compared with this one
  adapter_ = std::move(committed);
  for (std::uint32_t version = 0; version <= version_; ++version) stored_.insert(version);  // as far as they are there
}

StateDict RunStore::load(std::uint32_t version) const {
  return folder_.read_version(version, ledger_.adapter_digest(version)).value();
}

void RunStore::step(const char* name) const {
  if (options_.at_step) options_.at_step(name);
}

const std::string& RunStore::payload_digest(std::uint32_t version) {
  std::string& digest = payload_digests_[version];
  if (digest.empty()) digest = sha256_hex(*payload(version));
  return digest;
}

std::shared_ptr<const Bytes> RunStore::payload(std::uint32_t version) {
  if (payload_ == nullptr || payload_version_ != version) {
    payload_.reset();
    payload_ = std::make_shared<const Bytes>(wire::payload_of(version == version_ ? adapter_ : load(version)));
    payload_version_ = version;
  }
  return payload_;
}

void RunStore::add(UpdateRow update, std::span<const float> values) {
  mean_->add(values, update.examples);
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

RoundRow RunStore::commit(RoundRow row, const std::vector<fl::SiteScore>& scores) {
  for (auto& [site, update] : added_) row.updates.push_back(std::move(update));
  row.loss = mean_loss(row.updates);
  row.time = utc_now();
  StateDict next = adapter_;
  mean_->apply_to(next.values);
  row.adapter_digest = next.digest();
  folder_.write_version(row.round, next);
  step("adapter_written");
  ledger_.commit(row, scores);
  step("ledger_committed");
  adapter_ = std::move(next);
  version_ = row.round;
  median_norm_ = fl::median_norm(ledger_.norms(fl::kMostNorms));
  mean_->clear();
  added_.clear();
  payload_digests_.clear();
  payload_.reset();
  stored_.insert(row.round);
  compete(scores);
  remove_old_versions();
  return row;
}

// The best of these and of the best so far.
void RunStore::compete(const std::vector<fl::SiteScore>& scores) {
  best_scores_.insert(best_scores_.end(), scores.begin(), scores.end());
  const std::string& metric = options_.scheme.primary;
  best_ = fl::best_version(fl::validation_values(best_scores_, metric), metric);
  std::erase_if(best_scores_, [this](const fl::SiteScore& score) { return score.version != best_; });
}

// What no decision can need again: all but the best version so far and the newest, whose scores are still to come.
void RunStore::remove_old_versions() {
  std::erase_if(stored_, [this](std::uint32_t version) {
    if (version == version_ || version == best_) return false;
    folder_.remove_version(version);
    return true;
  });
}

void RunStore::end(const fl::FinishRun& finish) {
  ledger_.finish({finish.best_version, finish.reason}, finish.scores);
  compete(finish.scores);
}

std::string RunStore::write_result() {
  const EndRow end = ledger_.end().value();
  const std::string digest = ledger_.adapter_digest(end.best_version);
  checkpoint::AdapterFacts facts = options_.facts;
  facts.run = facts_.run;
  facts.run_id = facts_.run_id;
  facts.version = end.best_version;
  facts.base_digest = facts_.base_digest;
  facts.adapter_digest = digest;
  StateDict best = end.best_version == version_ ? adapter_ : load(end.best_version);
  checkpoint::write_peft_folder(
      folder_.adapter(),
      checkpoint::without_changed_base({.config = options_.peft, .state = std::move(best), .facts = std::move(facts)},
                                       pissa_start_),
      folder_.disk());
  const std::string summary = summary_json({.run = facts_,
                                            .versions = options_.versions,
                                            .rounds = ledger_.rounds(),
                                            .scores = ledger_.history().scores,
                                            .refusals = ledger_.refusals(),
                                            .end = end,
                                            .metric = options_.scheme.primary,
                                            .adapter_sha256 = digest,
                                            .coordinator_peak_rss_bytes = telemetry::peak_rss_bytes()});
  if (const Status written = folder_.disk().write_atomic(folder_.summary(), as_bytes(summary)); !written)
    throw Failure(written.error().message);
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
