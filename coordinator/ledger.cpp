// The ledger's tables and what is written to them.
#include "coordinator/ledger.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "common/base/json_depth.h"
#include "coordinator/record.h"

namespace weft::coordinator {
namespace {

using nlohmann::json;

constexpr const char* kOther = "another coordinator; wait for it to end, or choose another folder";
constexpr std::int64_t kApplication = 0x57454654;  // "WEFT"
constexpr std::int64_t kSchema = 5;
constexpr const char* kTables = R"(
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, record INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE rounds (round INTEGER PRIMARY KEY, cohort TEXT NOT NULL, loss REAL, seconds REAL NOT NULL,
                       bytes_up INTEGER NOT NULL, bytes_down INTEGER NOT NULL, adapter_digest TEXT NOT NULL,
                       time TEXT NOT NULL);
  CREATE TABLE updates (round INTEGER NOT NULL, site TEXT NOT NULL, digest TEXT NOT NULL, examples INTEGER NOT NULL,
                        norm REAL NOT NULL, metrics TEXT NOT NULL, verdict TEXT NOT NULL, PRIMARY KEY (round, site)) WITHOUT ROWID;
  CREATE TABLE scores (version INTEGER NOT NULL, site TEXT NOT NULL, split TEXT NOT NULL, examples INTEGER NOT NULL,
                       tally TEXT NOT NULL, record INTEGER NOT NULL, PRIMARY KEY (version, split, site)) WITHOUT ROWID;
  CREATE TABLE refusals (number INTEGER PRIMARY KEY, time TEXT NOT NULL, round INTEGER NOT NULL, site TEXT NOT NULL,
                         kind TEXT NOT NULL, reason TEXT NOT NULL, record INTEGER NOT NULL, UNIQUE (round, site, reason));
  CREATE TABLE records (number INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, signer TEXT NOT NULL,
                        signature TEXT NOT NULL);
  CREATE TABLE certificates (fingerprint TEXT PRIMARY KEY, pem TEXT NOT NULL) WITHOUT ROWID;
  CREATE INDEX scores_of_record ON scores (record);
  CREATE INDEX refusals_of_record ON refusals (record);
  CREATE INDEX updates_of_site ON updates (site, round);
)";

std::string names_json(const std::vector<SiteId>& sites) {
  json names = json::array();
  for (const SiteId& site : sites) names.push_back(site.name);
  return names.dump();
}

// A cell that holds JSON: the file may be anybody's. Throws Failure.
template <class T>
T read_cell(const Database& database, const char* column, const std::string& text) {
  try {
    return json::parse(shallow_json(text)).get<T>();
  } catch (const json::exception&) {
    database.damaged(std::string(column) + ": got \"" + text.substr(0, 40) + "\", expected JSON as this column has it");
  }
}

std::vector<SiteId> sites_of(const Database& database, const std::string& text) {
  std::vector<SiteId> sites;
  for (std::string& name : read_cell<std::vector<std::string>>(database, "cohort", text))
    sites.push_back({std::move(name)});
  return sites;
}

// A stale update's staleness is kept among what the site measured, under a name that no site can use.
constexpr const char* kStaleness = "staleness";

std::string metrics_of(const UpdateRow& update) {
  json metrics = update.values;
  metrics.erase(kStaleness);
  if (update.staleness > 0) metrics[kStaleness] = update.staleness;
  return metrics.dump();
}

void read_metrics(const Database& database, const std::string& text, UpdateRow& update) {
  update.values = read_cell<std::map<std::string, double>>(database, "metrics", text);
  const auto staleness = update.values.extract(kStaleness);
  if (!staleness) return;
  if (!(staleness.mapped() >= 0 && staleness.mapped() <= fl::kMostStaleness))
    database.damaged(std::string("metrics: got ") + kStaleness + " " + std::to_string(staleness.mapped()) +
                     ", expected at most " + std::to_string(fl::kMostStaleness));
  update.staleness = static_cast<std::uint32_t>(staleness.mapped());
}

// Text that SQLite keeps as it was given: a table's may have been wrapped otherwise when it was made.
std::string on_one_line(const std::string& sql) {
  std::string line;
  for (const char c : sql) {
    const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
    if (!space)
      line += c;
    else if (!line.ends_with(' '))
      line += ' ';
  }
  return line;
}

using Layout = std::map<std::string, std::string>;  // "table meta" and its SQL

// Indexes that SQLite makes by itself have no SQL.
Layout layout_of(const Database& database) {
  Layout layout;
  Statement part = database.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL");
  while (part.step())
    layout[part.text(0) + " " + part.text(1)] += on_one_line(part.text(3)) + " (of " + part.text(2) + ")";
  return layout;
}

Layout layout_as_made() {
  const Database fresh(":memory:");
  fresh.execute(kTables);
  return layout_of(fresh);
}

void create_where_empty(const Database& database) {
  if (database.integer("SELECT count(*) FROM sqlite_schema") > 0) return;
  database.transaction([&] {
    database.execute(kTables);
    database.execute("PRAGMA application_id = " + std::to_string(kApplication));
    database.execute("PRAGMA user_version = " + std::to_string(kSchema));
  });
}

void check_schema(const Database& database, const std::filesystem::path& file) {
  if (database.integer("PRAGMA application_id") != kApplication)
    throw ConfigError(file.string() + " is not a ledger (another program's database); choose another run folder");
  if (const std::int64_t found = database.integer("PRAGMA user_version"); found != kSchema)
    throw ConfigError(file.string() + ": schema " + std::to_string(found) + ", this weft reads schema " +
                      std::to_string(kSchema) + "; use the weft that began the run, or another run folder");
}

// The lock on a ledger whose content is durable. A process that was killed between writing a commit and syncing it
// leaves a commit that the next one reads from memory, and would vouch for to sites, though a power cut could still
// take it.
std::shared_ptr<void> held(const std::filesystem::path& file, Disk& disk) {
  std::shared_ptr<void> lock = disk.lock(file.parent_path(), kOther);
  for (const std::filesystem::path& each : {file, std::filesystem::path(file.string() + "-wal")})
    if (const Status synced = disk.sync(each); !synced) throw Failure(synced.error().message);
  return lock;
}

}  // namespace

fl::CountedUpdate counted_of(const UpdateRow& update) {
  const auto value = [&](const char* name) {
    const auto found = update.values.find(name);
    return found == update.values.end() ? 0.0 : found->second;
  };
  return {.site = update.site,
          .staleness = update.staleness,
          .examples = update.examples,
          .loss = value("loss"),
          .steps = value("steps"),
          .seconds = value("seconds")};
}

Ledger::Ledger(const std::filesystem::path& file, std::optional<crypto::Signer> signer, Disk& disk)
    : Ledger(file, Access::write, std::move(signer), disk) {}

Ledger Ledger::open_to_read(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file))
    throw ConfigError("there is no " + file.string() + "; give the folder of a run (weft coordinator --out)");
  return {file, Access::read, std::nullopt, system_disk()};
}

Ledger::Ledger(const std::filesystem::path& file, Access access, std::optional<crypto::Signer> signer, Disk& disk)
    : lock_(access == Access::write ? held(file, disk) : nullptr),
      database_(file, access, disk.sqlite_vfs()),
      signer_(std::move(signer)) {
  database_.execute("PRAGMA busy_timeout = 5000");
  if (access == Access::write) database_.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  if (access == Access::write) create_where_empty(database_);
  check_schema(database_, file);
  Statement check = database_.prepare("PRAGMA quick_check(1)");
  if (check.step() && check.text(0) != "ok")
    throw Failure(file.string() + " is damaged (" + check.text(0) + "); put a backup of the run folder back");
}

Ledger::~Ledger() = default;

std::optional<std::string> Ledger::meta(const char* key) const {
  Statement statement = database_.prepare("SELECT value FROM meta WHERE key = ?");
  if (!statement.with(key).step()) return std::nullopt;
  return statement.text(0);
}

void Ledger::set_meta(const char* key, const std::string& value) const {
  database_.prepare("INSERT OR REPLACE INTO meta VALUES (?, ?, ?)").with(key, value, next_record()).run();
}

std::optional<RunFacts> Ledger::run() const {
  const auto run = meta("run");
  if (!run) return std::nullopt;
  const auto text = [&](const char* key) { return meta(key).value_or(""); };
  const std::string number = text("seed");
  std::uint64_t seed = 0;
  std::from_chars(number.data(), number.data() + number.size(), seed);
  return RunFacts{.run = *run,
                  .run_id = text("run_id"),
                  .config_digest = text("config_digest"),
                  .seed = seed,
                  .base_digest = text("base_digest"),
                  .manifest_digest = text("manifest_digest"),
                  .initial_digest = text("initial_digest")};
}

void Ledger::begin(const RunFacts& facts) {
  database_.transaction([&] {
    set_meta("run", facts.run);
    set_meta("run_id", facts.run_id);
    set_meta("config_digest", facts.config_digest);
    set_meta("seed", std::to_string(facts.seed));
    set_meta("base_digest", facts.base_digest);
    set_meta("manifest_digest", facts.manifest_digest);
    set_meta("initial_digest", facts.initial_digest);
    seal();
  });
}

void Ledger::check_same_run(const RunFacts& facts) const {
  const std::optional<RunFacts> there = run();
  WEFT_CHECK(there.has_value(), "a run was begun");
  const auto check = [&](const char* what, const std::string& found, const std::string& expected, const char* remedy) {
    if (found != expected)
      throw ConfigError("this folder holds run \"" + there->run + "\" (" + there->run_id + ") with " + what + " " +
                        found + ", now it is run \"" + facts.run + "\" with " + expected + "; " + remedy);
  };
  check("config digest", there->config_digest, facts.config_digest,
        "resume with the run file it was begun with (config.yaml there), or choose another folder");
  check("base model digest", there->base_digest, facts.base_digest, "resume with the base model it was begun with");
  check("adapter layout", there->manifest_digest, facts.manifest_digest, "resume with the adapter it was begun with");
}

void Ledger::add_scores(const std::vector<fl::SiteScore>& scores) const {
  Statement statement = database_.prepare("INSERT INTO scores VALUES (?, ?, ?, ?, ?, ?)");
  const std::int64_t record = next_record();
  for (const fl::SiteScore& score : scores)
    statement.with(score.version, score.site.name, score.split, score.examples, json(score.tally.parts).dump(), record)
        .run();
}

std::int64_t Ledger::next_record() const {
  return database_.integer("SELECT coalesce(max(number), -1) + 1 FROM records");
}

void Ledger::seal() const {
  RecordHead head{.number = next_record()};
  Statement last = database_.prepare("SELECT hash FROM records WHERE number = ?");
  if (last.with(head.number - 1).step()) head.previous = last.text(0);
  if (signer_) head.signer = signer_->fingerprint();
  keep_certificate();
  const std::string hash = record_hash(database_, head);
  const std::string signature = signer_ ? to_hex(signer_->sign(as_bytes(record_statement(hash)))) : "";
  database_.prepare("INSERT INTO records VALUES (?, ?, ?, ?)").with(head.number, hash, head.signer, signature).run();
}

void Ledger::commit(const RoundRow& row, const std::vector<fl::SiteScore>& scores) {
  database_.transaction([&] {
    database_.prepare("INSERT INTO rounds VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
        .with(row.round, names_json(row.cohort), row.loss, row.seconds, row.bytes_up, row.bytes_down,
              row.adapter_digest, row.time)
        .run();
    Statement update = database_.prepare("INSERT INTO updates VALUES (?, ?, ?, ?, ?, ?, 'committed')");
    for (const UpdateRow& one : row.updates)
      update.with(row.round, one.site.name, one.digest, one.examples, one.norm, metrics_of(one)).run();
    add_scores(scores);
    WEFT_CHECK(row.round == next_record(), "a round's rows are found by the number of its record");
    seal();
  });
}

void Ledger::finish(const EndRow& end, const std::vector<fl::SiteScore>& scores) {
  database_.transaction([&] {
    add_scores(scores);
    set_meta("best_version", std::to_string(end.best_version));
    set_meta("reason", end.reason);
    seal();
  });
}

void Ledger::told_sites() {
  if (sites_told()) return;
  database_.transaction([&] {
    set_meta("sites_told", "yes");
    seal();
  });
}

void Ledger::refuse(const RefusalRow& refusal) {
  if (sites_told()) return;
  database_.prepare("INSERT OR IGNORE INTO refusals VALUES (NULL, ?, ?, ?, ?, ?, ?)")
      .with(refusal.time, refusal.round, refusal.site.name, refusal.kind, refusal.reason, next_record())
      .run();
}

std::uint32_t Ledger::committed() const {
  return static_cast<std::uint32_t>(database_.integer("SELECT count(*) FROM rounds"));
}

fl::History Ledger::history(const std::string& metric) const {
  fl::History history;
  history.validation = fl::validation_values(scores(0), metric);
  each_round([&](const RoundRow& row) {
    ++history.committed;
    history.validation.merge(fl::validation_values(scores(row.round), metric));
    fl::PastRound past{.round = row.round, .cohort = row.cohort};
    for (const UpdateRow& update : row.updates) past.updates.push_back(counted_of(update));
    history.past.note(past);
  });
  Statement refused = database_.prepare(
      "SELECT site, round, kind, record FROM refusals WHERE round > 0 AND NOT EXISTS "
      "(SELECT 1 FROM updates WHERE updates.round = refusals.record AND updates.site = refusals.site)");
  while (refused.step())
    if (fl::is_of_update(refused.text(2)))
      history.refused.push_back({{{refused.text(0)}, static_cast<std::uint32_t>(refused.integer(1))},
                                 static_cast<std::uint32_t>(refused.integer(3))});
  return history;
}

std::vector<double> Ledger::norms(std::size_t limit) const {
  std::vector<double> norms;
  Statement statement = database_.prepare("SELECT norm FROM updates ORDER BY round DESC, site DESC LIMIT ?");
  statement.with(std::uint64_t{limit});
  while (statement.step()) norms.push_back(statement.real(0));
  return norms;
}

// It may have been counted some rounds later than it was asked for.
std::optional<CommittedUpdate> Ledger::committed(const SiteId& site, std::uint32_t round,
                                                 const std::string& digest) const {
  Statement statement = database_.prepare(
      "SELECT examples, hash, round, metrics FROM updates JOIN records ON number = round "
      "WHERE round BETWEEN ? AND ? AND site = ? AND digest = ?");
  statement.with(round, round + fl::kMostStaleness, site.name, digest);
  while (statement.step()) {
    UpdateRow update;
    read_metrics(database_, statement.text(3), update);
    if (static_cast<std::uint32_t>(statement.integer(2)) == round + update.staleness)
      return CommittedUpdate{static_cast<std::uint64_t>(statement.integer(0)), statement.text(1)};
  }
  return std::nullopt;
}

std::optional<std::pair<std::uint32_t, std::string>> Ledger::last_update(const SiteId& site) const {
  Statement statement =
      database_.prepare("SELECT round, digest, metrics FROM updates WHERE site = ? ORDER BY round DESC LIMIT 1");
  if (!statement.with(site.name).step()) return std::nullopt;
  UpdateRow update;
  read_metrics(database_, statement.text(2), update);
  return std::pair(static_cast<std::uint32_t>(statement.integer(0)) - update.staleness, statement.text(1));
}

std::string Ledger::adapter_digest(std::uint32_t version) const {
  if (version == 0) return meta("initial_digest").value_or("");
  Statement statement = database_.prepare("SELECT adapter_digest FROM rounds WHERE round = ?");
  WEFT_CHECK(statement.with(version).step(), "version " + std::to_string(version) + " was never committed");
  return statement.text(0);
}

void Ledger::each_round(const std::function<void(const RoundRow&)>& use) const {
  Statement round = database_.prepare(
      "SELECT round, cohort, loss, seconds, bytes_up, bytes_down, adapter_digest, time FROM rounds ORDER BY round");
  while (round.step()) {
    RoundRow row{.round = static_cast<std::uint32_t>(round.integer(0)),
                 .cohort = sites_of(database_, round.text(1)),
                 .loss = round.real(2),
                 .seconds = round.real(3),
                 .bytes_up = static_cast<std::uint64_t>(round.integer(4)),
                 .bytes_down = static_cast<std::uint64_t>(round.integer(5)),
                 .adapter_digest = round.text(6),
                 .time = round.text(7)};
    Statement update =
        database_.prepare("SELECT site, digest, examples, metrics, norm FROM updates WHERE round = ? ORDER BY site");
    update.with(row.round);
    while (update.step()) {
      row.updates.push_back({.site = {update.text(0)},
                             .digest = update.text(1),
                             .examples = static_cast<std::uint64_t>(update.integer(2))});
      row.updates.back().norm = update.real(4);
      read_metrics(database_, update.text(3), row.updates.back());
    }
    use(row);
  }
}

std::vector<fl::SiteScore> Ledger::scores(std::uint32_t version) const {
  std::vector<fl::SiteScore> scores;
  Statement statement = database_.prepare("SELECT site, split, examples, tally FROM scores WHERE version = ?");
  statement.with(version);
  while (statement.step())
    scores.push_back({{statement.text(0)},
                      version,
                      statement.text(1),
                      static_cast<std::uint64_t>(statement.integer(2)),
                      {read_cell<std::map<std::string, metrics::Counts>>(database_, "tally", statement.text(3))}});
  return scores;
}

std::vector<RefusalRow> Ledger::refusals(std::optional<std::uint32_t> round) const {
  std::vector<RefusalRow> refusals;
  Statement statement = database_.prepare(std::string("SELECT time, round, site, kind, reason FROM refusals ") +
                                          (round ? "WHERE round = ? " : "") + "ORDER BY number");
  if (round) statement.with(*round);
  while (statement.step())
    refusals.push_back({statement.text(0),
                        static_cast<std::uint32_t>(statement.integer(1)),
                        {statement.text(2)},
                        statement.text(3),
                        statement.text(4)});
  return refusals;
}

std::map<std::string, std::uint64_t> Ledger::refusals_by_kind() const {
  std::map<std::string, std::uint64_t> counts;
  Statement statement = database_.prepare("SELECT kind, count(*) FROM refusals GROUP BY kind");
  while (statement.step()) counts[statement.text(0)] = static_cast<std::uint64_t>(statement.integer(1));
  return counts;
}

std::optional<EndRow> Ledger::end() const {
  const auto best = meta("best_version");
  if (!best) return std::nullopt;
  return EndRow{read_cell<std::uint32_t>(database_, "best_version", *best), meta("reason").value_or("")};
}

bool Ledger::ended() const { return meta("best_version").has_value(); }

bool Ledger::sites_told() const { return meta("sites_told").has_value(); }

std::vector<std::string> Ledger::layout_faults() const {
  static const Layout made = layout_as_made();
  const Layout found = layout_of(database_);
  std::vector<std::string> faults;
  for (const auto& [part, sql] : made)
    if (const auto there = found.find(part); there == found.end())
      faults.push_back(part + ": it is not there");
    else if (there->second != sql)
      faults.push_back(std::string(part)
                           .append(": got ")
                           .append(there->second)
                           .append(", expected ")
                           .append(sql)
                           .append("; it was made anew"));
  for (const auto& [part, sql] : found)
    if (!made.contains(part)) faults.push_back(part + ": no ledger has this; it was added");
  if (!faults.empty()) return faults;
  Statement check = database_.prepare("PRAGMA integrity_check");
  while (check.step())
    if (check.text(0) != "ok") faults.push_back("SQLite's integrity_check: " + check.text(0));
  return faults;
}

std::vector<RecordRow> Ledger::records() const {
  std::vector<RecordRow> records;
  Statement row = database_.prepare("SELECT number, hash, signer, signature FROM records ORDER BY number");
  while (row.step()) records.push_back({row.integer(0), row.text(1), row.text(2), row.text(3)});
  return records;
}

std::map<std::string, std::string> Ledger::certificates() const {
  std::map<std::string, std::string> certificates;
  Statement row = database_.prepare("SELECT fingerprint, pem FROM certificates");
  while (row.step()) certificates[row.text(0)] = row.text(1);
  return certificates;
}

void Ledger::keep_certificate() const {
  if (!signer_) return;
  database_.prepare("INSERT OR IGNORE INTO certificates VALUES (?, ?)")
      .with(signer_->fingerprint(), signer_->certificate())
      .run();
}

}  // namespace weft::coordinator
