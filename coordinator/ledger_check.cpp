#include "coordinator/ledger_check.h"

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "common/base/file.h"
#include "common/base/json_depth.h"
#include "common/checkpoint/peft_folder.h"
#include "common/crypto/signature.h"
#include "common/metrics/registry.h"
#include "coordinator/record.h"
#include "coordinator/run_folder.h"
#include "coordinator/summary.h"

namespace weft::coordinator {
namespace {

std::string shorter(const std::string& hash) { return hash.substr(0, 16); }

class Check {
 public:
  Check(const Ledger& ledger, const CheckRequest& request)
      : ledger_(ledger),
        request_(request),
        run_id_(meta("run_id")),
        records_(ledger.records()),
        certificates_(ledger.certificates()) {
    if (records_.empty() && run_id_.empty())
      throw ConfigError(request.folder.string() + ": no run was begun in this ledger");
    result_.rounds = ledger.committed();
  }

  CheckResult run() {
    check_certificates();
    check_chain();
    check_rows();
    if (!request_.folder.empty()) {
      check_versions();
      attempt("the run's end", [this] { check_result(); });
    }
    for (const NamedReceipt& one : request_.receipts) attempt(one.where, [&] { check_receipt(one); });
    return std::move(result_);
  }

 private:
  void fault(const std::string& where, const std::string& what) { result_.faults.push_back(where + ": " + what); }

  // A cell that cannot be read is a fault, and ends only the check that needs it.
  void attempt(const std::string& where, const std::function<void()>& check) {
    try {
      check();
    } catch (const Failure& failure) {
      fault(where, failure.what());
    }
  }

  // Only texts and numbers are read, and nothing of them is believed: any of them may be what was changed.
  std::string meta(const char* key) const {
    Statement value = ledger_.database().prepare("SELECT value FROM meta WHERE key = ?");
    return value.with(key).step() ? value.text(0) : "";
  }

  // "round 3", or what else a record is of.
  std::string name_of(std::int64_t number) const {
    if (number == 0) return "the run's beginning (record 0)";
    return number <= static_cast<std::int64_t>(result_.rounds)
               ? "round " + std::to_string(number)
               : "the run's end (record " + std::to_string(number) + ")";
  }

  void check_certificates() {
    for (const auto& [fingerprint, pem] : certificates_) {
      const std::string where = "certificate " + shorter(fingerprint);
      const Result<crypto::CertificateFacts> facts = crypto::facts_of_pem(pem);
      if (!facts) {
        fault(where, facts.error().message);
        continue;
      }
      if (facts.value().fingerprint != fingerprint)
        fault(where, "fingerprint: got " + facts.value().fingerprint + " of its text, expected " + fingerprint);
      if (facts.value().role != crypto::Role::coordinator)
        fault(where, "of \"" + facts.value().name + "\": not a coordinator's certificate");
      if (request_.ca)
        if (const Status issued = crypto::verify_issued(*request_.ca, pem, crypto::Role::coordinator); !issued)
          fault(where, issued.error().message + "; where the CA was made anew, append its certificate before to " +
                           request_.ca->string());
      result_.signers.push_back(facts.value().name);
    }
  }

  void check_chain() {
    if (records_.empty()) fault("records", "got none, expected one for each round");
    std::string previous = kFirstPrevious;
    for (std::size_t i = 0; i < records_.size(); ++i) {
      const RecordRow& row = records_[i];
      const auto expected = static_cast<std::int64_t>(i);
      if (row.number != expected) {
        fault("record " + std::to_string(row.number),
              "expected record " + std::to_string(expected) + " here; " + "records are missing or were added");
        break;
      }
      const std::string got =
          record_hash(ledger_.database(),
                      {.number = row.number, .previous = std::exchange(previous, row.hash), .signer = row.signer});
      if (got != row.hash)
        fault(name_of(row.number), "record hash: got " + got + " of its rows, expected " + row.hash +
                                       "; a row of it was changed, added or removed after its commit");
      check_signature(row);
      ++result_.records;
    }
  }

  void check_signature(const RecordRow& row) {
    if (row.signer == kNoSigner) {
      if (!row.signature.empty() || records_.front().signer != kNoSigner || request_.ca)
        fault(name_of(row.number), "its record is not signed, expected a signature by a coordinator's key");
      return;
    }
    const auto certificate = certificates_.find(row.signer);
    if (certificate == certificates_.end())
      return fault(name_of(row.number), "signed with certificate " + row.signer + ", which the ledger does not have");
    const Status good = crypto::verify_signature(certificate->second, as_bytes(record_statement(row.hash)),
                                                 wire::bytes_of_hex(row.signature));
    if (good)
      ++result_.signatures;
    else
      fault(name_of(row.number), "its record: " + good.error().message);
  }

  // Rows that belong to no record. Refusals are written as they happen, and the next record vouches for them.
  void check_rows() {
    const auto next = static_cast<std::int64_t>(records_.size());
    for (const FactTable& table : kFactTables) {
      Statement rows = ledger_.database().prepare(
          std::string("SELECT ") + table.number + ", count(*) FROM " + table.name + " WHERE " + table.number +
          " IS NULL OR " + table.number + " NOT IN (SELECT number FROM records) GROUP BY " + table.number);
      while (rows.step()) {
        const std::string count = std::to_string(rows.integer(1)) + " rows";
        if (std::string(table.name) == "refusals" && rows.type(0) == ColumnType::integer && rows.integer(0) == next &&
            !ledger_.sites_told())  // with that a run's last record is written
          result_.notes.push_back(std::string(table.name) + ": " + count +
                                  " since the last record; the next one will vouch for them");
        else
          fault(table.name, count + " of record " + rows.text(0) + ", which is not there; they were added later");
      }
    }
  }

  void check_versions() {
    check_version(0, meta("initial_digest"));
    Statement round = ledger_.database().prepare("SELECT round, adapter_digest FROM rounds");
    while (round.step()) check_version(static_cast<std::uint32_t>(round.integer(0)), round.text(1));
  }

  void check_version(std::uint32_t version, const std::string& digest) {
    const RunFolder folder(request_.folder);
    if (!std::filesystem::exists(folder.version(version))) return;  // only those that may be needed are kept
    ++result_.versions;
    const Result<StateDict> read = folder.read_version(version, digest);
    if (!read) fault("version " + std::to_string(version), read.error().message);
  }

  std::string digest_of(std::uint32_t version) const {
    if (version == 0) return meta("initial_digest");
    Statement round = ledger_.database().prepare("SELECT adapter_digest FROM rounds WHERE round = ?");
    return round.with(version).step() ? round.text(0) : "";
  }

  // What people take home: adapter/ and summary.json, once the run has ended.
  void check_result() {
    const std::optional<EndRow> end = ledger_.end();
    const RunFolder folder(request_.folder);
    if (!end) return;
    const std::string digest = digest_of(end->best_version);
    if (digest.empty())
      return fault("the run's end",
                   "best version: got " + std::to_string(end->best_version) + ", which no round of the ledger made");
    if (is_there(folder.adapter())) check_adapter(folder, *end, digest);
    if (is_there(folder.summary())) check_summary(folder.summary(), *end, digest);
  }

  // Both are written after the ledger's end, and may be moved elsewhere.
  bool is_there(const std::filesystem::path& file) {
    const bool there = std::filesystem::exists(file);
    if (!there) result_.notes.push_back(file.string() + ": it is not there, and nothing is said of it");
    return there;
  }

  void check_adapter(const RunFolder& folder, const EndRow& end, const std::string& digest) {
    const std::string where = folder.adapter().string();
    const Result<checkpoint::PeftFolder> adapter = checkpoint::read_peft_folder(folder.adapter());
    if (!adapter) return fault(where, adapter.error().message);
    if (!adapter.value().facts || adapter.value().facts->version != end.best_version)
      fault(where, "its weft.json does not say version " + std::to_string(end.best_version) + ", the ledger's best");
    const Result<StateDict> best = folder.read_version(end.best_version, digest);
    if (best && *best.value().manifest != *adapter.value().state.manifest)
      result_.notes.push_back(where + ": was made of version " + std::to_string(end.best_version) +
                              " as plain LoRA, and is not held against it");
    else if (const std::string got = adapter.value().state.digest(); got != digest)
      fault(where,
            "digest: got " + got + ", expected " + digest + ", that of version " + std::to_string(end.best_version));
  }

  void check_summary(const std::filesystem::path& file, const EndRow& end, const std::string& digest) {
    const Result<std::string> text = read_text(file);
    if (!text) return fault("summary.json", text.error().message);
    const nlohmann::json summary = nlohmann::json::parse(shallow_json(text.value()), nullptr, false);
    if (!summary.is_object()) return fault(file.string(), "not a JSON object");
    const auto held = [&](const char* key, const nlohmann::json& expected) {
      const auto got = summary.find(key);
      if (got == summary.end() || *got != expected)
        fault(file.string(), std::string(key) + ": got " + (got == summary.end() ? "nothing" : got->dump()) +
                                 ", expected " + expected.dump());
    };
    held("best_version", end.best_version);
    held("adapter_sha256", digest);
    if (result_.faults.empty()) check_as_written(file, summary, digest);
  }

  // Of a late update the ledger may have heard when the summary was written.
  static nlohmann::json without_refusals(nlohmann::json summary) {
    for (const char* key : {"refusals", "refused"}) summary.erase(key);
    if (summary.contains("rounds"))
      for (nlohmann::json& round : summary["rounds"])
        if (round.is_object()) round.erase("refusals");
    return summary;
  }

  // All but the metric, the versions of software and the coordinator's memory follows from the ledger.
  void check_as_written(const std::filesystem::path& file, const nlohmann::json& summary, const std::string& digest) {
    SummaryFacts facts{.adapter_sha256 = digest};
    try {
      facts.metric = summary.at("metric").at("name");
      facts.versions = summary.at("versions");
      facts.coordinator_peak_rss_bytes = summary.at("peak_rss_bytes").at("coordinator");
    } catch (const nlohmann::json::exception& error) {
      return fault(file.string(), error.what());
    }
    if (metrics::find_metric(facts.metric) == nullptr)
      return fault(file.string(), "metric: got \"" + facts.metric + "\", which is none");
    std::string text;
    write_summary(ledger_, facts, [&](const std::string& piece) { text += piece; });
    const nlohmann::json expected = without_refusals(nlohmann::json::parse(text)), found = without_refusals(summary);
    for (const auto& [key, value] : expected.items())
      if (!found.contains(key) || found.at(key) != value)
        fault(file.string(), key + ": not what follows from the ledger");
  }

  void check_receipt(const NamedReceipt& named) {
    if (!named.receipt) return fault(named.where, named.receipt.error().message);
    const wire::Receipt& receipt = named.receipt.value();
    const std::string where =
        named.where + ": round " + std::to_string(receipt.round) + ", site \"" + receipt.site + "\"";
    ++result_.receipts;
    if (receipt.run_id != run_id_) return fault(where, "run: got " + receipt.run_id + ", expected " + run_id_);
    if (const Status good = crypto::verify_signature(receipt.certificate, as_bytes(wire::receipt_statement(receipt)),
                                                     wire::bytes_of_hex(receipt.signature));
        !good)
      return fault(where, "it is not the coordinator's: " + good.error().message);
    check_issuer(where, receipt);
    const auto update = ledger_.committed({receipt.site}, receipt.round, receipt.digest);
    if (!update)
      return fault(where, "update " + receipt.digest + " is signed as counted, but the ledger has no such update");
    if (update->record != receipt.record)
      fault(where, "record: got " + update->record + " in the ledger, expected " + receipt.record +
                       " as signed; the ledger was written anew, or an older copy of it was put back and went on");
    if (update->examples != receipt.examples)
      fault(where, "examples: got " + std::to_string(update->examples) + " in the ledger, expected " +
                       std::to_string(receipt.examples) + " as signed");
  }

  void check_issuer(const std::string& where, const wire::Receipt& receipt) {
    const std::string fingerprint = crypto::facts_of_pem(receipt.certificate).value().fingerprint;
    if (!certificates_.contains(fingerprint))
      fault(where, "signed with certificate " + fingerprint + ", which the ledger does not have");
    if (request_.ca)
      if (const Status issued = crypto::verify_issued(*request_.ca, receipt.certificate, crypto::Role::coordinator);
          !issued)
        fault(where, issued.error().message);
  }

  const Ledger& ledger_;
  const CheckRequest& request_;
  std::string run_id_;
  std::vector<RecordRow> records_;
  std::map<std::string, std::string> certificates_;
  CheckResult result_;
};

// What lies in the folder is looked at first: what the ledger says after that covers it, also while its run goes on.
void hold_folder_against(const Ledger& ledger, const RunFolder& folder, std::vector<std::string>& faults) {
  const std::vector<std::uint32_t> versions = folder.versions();
  std::vector<std::filesystem::path> results;
  for (const auto& file : {folder.adapter(), folder.summary()})
    if (std::filesystem::exists(file)) results.push_back(file);
  const std::uint32_t committed = ledger.committed();
  const bool ended = ledger.ended();
  const std::string cut = "; its last records were taken away";
  for (const std::uint32_t version : versions)  // a crash may leave the one that the next round makes
    if (version > committed + (ended ? 0 : 1))
      faults.push_back(folder.version(version).string() +
                       ": it is of a round that the ledger does not have, which ends with round " +
                       std::to_string(committed) + cut);
  if (ended) return;
  for (const auto& file : results)
    faults.push_back(file.string() + ": it is written when the run has ended, but the ledger has no end" + cut);
  const std::filesystem::path newest = folder.version(committed);
  if (!std::filesystem::exists(newest) && ledger.committed() == committed)
    faults.push_back(newest.string() + ": it is not there, and the run cannot go on without it");
}

}  // namespace

CheckResult check_ledger(const Ledger& ledger, const CheckRequest& request) {
  CheckResult result;
  bool readable = false;  // what other tables say, or an index that does not fit them, is worth nothing
  // One transaction: what is committed meanwhile is not seen by half.
  ledger.database().execute("BEGIN");
  try {
    result.faults = ledger.layout_faults();
    readable = result.faults.empty();
    if (readable) result = Check(ledger, request).run();
  } catch (...) {
    ledger.database().execute("ROLLBACK");
    throw;
  }
  ledger.database().execute("ROLLBACK");
  if (readable && !request.folder.empty()) hold_folder_against(ledger, RunFolder(request.folder), result.faults);
  return result;
}

void require_sound(const Ledger& ledger, const std::filesystem::path& file, const CheckRequest& request) {
  const CheckResult found = check_ledger(ledger, request);
  if (found.faults.empty()) return;
  throw Failure(file.string() + ": " + found.faults.front() +
                "; nothing is signed on top of that: put the original back (weft ledger verify names all faults)");
}

}  // namespace weft::coordinator
