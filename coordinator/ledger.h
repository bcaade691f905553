// The truth about a run: what was committed, by whom, with which scores, and what was refused. One SQLite file in WAL
// mode with synchronous=FULL, so that a commit that returned survives a power cut. One process holds it at a time;
// others may read it meanwhile. It proves itself: see coordinator/record.h, and coordinator/ledger_check.h for how that
// is checked.
//
// Tables of facts: meta (key, value, record) · rounds (round, cohort, loss, seconds, bytes_up, bytes_down,
// adapter_digest, time) · updates (round, site, digest, examples, norm, metrics, verdict) · scores (version, site,
// split, examples, tally, record) · refusals (number, time, round, site, kind, reason, record). Of proofs: records
// (number, hash, signer, signature) · certificates (fingerprint, pem). Cohorts are JSON arrays, metrics and tallies
// JSON objects (a tally of arrays, by the kind of what was counted), times UTC as ISO 8601.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/disk.h"
#include "common/base/ids.h"
#include "common/crypto/signature.h"
#include "common/fl/refusal.h"
#include "common/fl/round.h"
#include "coordinator/sqlite.h"

namespace weft::coordinator {

struct RunFacts {
  std::string run, run_id, config_digest;
  std::uint64_t seed = 0;
  std::string base_digest, manifest_digest;
  std::string initial_digest;  // StateDict::digest() of version 0
};

struct UpdateRow {
  SiteId site;
  std::string digest;          // of the payload
  std::uint64_t examples = 0;  // as the site offered it: its receipt says the same
  std::map<std::string, double> values;
  double norm = 0;              // L2
  std::uint32_t staleness = 0;  // versions between the one it came from and that of the round which counted it
};
// What of it decides later rounds.
fl::CountedUpdate counted_of(const UpdateRow& update);

struct RoundRow {
  std::uint32_t round = 0;
  std::vector<SiteId> cohort;
  double loss = 0;  // mean training loss, weighted by examples
  double seconds = 0;
  std::uint64_t bytes_up = 0, bytes_down = 0;
  std::string adapter_digest;  // of the version that the round made
  std::string time;
  std::vector<UpdateRow> updates;  // counted, by site
};

struct RefusalRow {
  std::string time;
  std::uint32_t round = 0;  // 0: of no round
  SiteId site;
  std::string kind;  // fl::name_of()
  std::string reason;
};

struct RecordRow {
  std::int64_t number = 0;  // from 0: the run's beginning, then its rounds, its end, and that its sites know of it
  std::string hash;
  std::string signer;     // fingerprint of a certificate, or kNoSigner
  std::string signature;  // hex, over record_statement(); empty without signer
};

struct CommittedUpdate {
  std::uint64_t examples = 0;
  std::string record;  // hash
};

struct EndRow {
  std::uint32_t best_version = 0;
  std::string reason;
};

class Ledger {
 public:
  // Creates the file when it is missing. ConfigError: not a ledger, or one of another weft's schema. Failure: held by
  // another process, damaged, or not writable. Without signer its records are chained but not signed.
  explicit Ledger(const std::filesystem::path& file, std::optional<crypto::Signer> signer = {},
                  Disk& disk = system_disk());
  // To read it, whoever else holds it: nothing may be written through the one that this gives.
  static Ledger open_to_read(const std::filesystem::path& file);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  std::optional<RunFacts> run() const;  // nullopt: none was begun
  void begin(const RunFacts& facts);
  // ConfigError when this ledger's run has another config, base model or adapter layout than `facts`.
  void check_same_run(const RunFacts& facts) const;

  // One transaction; durable when it returns. Throws Failure (disk full among others): then nothing of it is there.
  void commit(const RoundRow& row, const std::vector<fl::SiteScore>& scores);
  void finish(const EndRow& end, const std::vector<fl::SiteScore>& scores);
  void told_sites();  // all sites that were there know that the run has ended
  // The same refusal is kept once; none after the run's last record.
  void refuse(const RefusalRow& refusal);

  std::uint32_t committed() const;                       // rounds
  fl::History history(const std::string& metric) const;  // validation values are those of this metric
  // Norms of the updates that counted last, newest first, at most `limit`.
  std::vector<double> norms(std::size_t limit) const;
  // `round`: the one that the update was asked for; a stale one was counted later.
  std::optional<CommittedUpdate> committed(const SiteId& site, std::uint32_t round, const std::string& digest) const;
  std::optional<std::pair<std::uint32_t, std::string>> last_update(const SiteId& site) const;  // that round, digest
  std::string adapter_digest(std::uint32_t version) const;  // WEFT_CHECKs that it was committed
  // In their order, one in memory at a time.
  void each_round(const std::function<void(const RoundRow&)>& use) const;
  std::vector<fl::SiteScore> scores(std::uint32_t version) const;
  std::vector<RefusalRow> refusals(std::optional<std::uint32_t> round = {}) const;  // of all rounds without one
  std::map<std::string, std::uint64_t> refusals_by_kind() const;
  std::optional<EndRow> end() const;
  bool ended() const;
  bool sites_told() const;

  // What the file has as other tables than this weft makes, or SQLite finds wrong in it. With a fault of these, what
  // the other functions read may not be what its records vouch for.
  std::vector<std::string> layout_faults() const;
  std::vector<RecordRow> records() const;
  std::map<std::string, std::string> certificates() const;  // PEM by fingerprint, of all that ever signed for this run
  void keep_certificate() const;                            // the signer's, before it signs anything of this run
  const Database& database() const { return database_; }    // to check it

 private:
  Ledger(const std::filesystem::path& file, Access access, std::optional<crypto::Signer> signer, Disk& disk);

  std::optional<std::string> meta(const char* key) const;
  void set_meta(const char* key, const std::string& value) const;
  void add_scores(const std::vector<fl::SiteScore>& scores) const;
  std::int64_t next_record() const;  // which vouches for what is written now
  void seal() const;                 // ends a transaction: its record

  std::shared_ptr<void> lock_;  // to write
  Database database_;
  std::optional<crypto::Signer> signer_;
};

}  // namespace weft::coordinator
