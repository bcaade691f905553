#include "coordinator/ledger_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/telemetry/printable.h"
#include "common/telemetry/table.h"
#include "coordinator/json_stream.h"
#include "coordinator/record.h"

namespace weft::coordinator {
namespace {

using Json = nlohmann::ordered_json;
using telemetry::printable;

std::string text_of(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace); }

constexpr std::size_t kNamedSites = 6;  // more are counted instead

std::string counted_text(const RoundRow& row) {
  if (row.updates.size() > kNamedSites) return std::to_string(row.updates.size()) + " sites";
  std::string text;
  for (const UpdateRow& update : row.updates)
    text += (text.empty() ? "" : ", ") + update.site.name + " " + std::to_string(update.examples) +
            (update.staleness > 0 ? " (for round " + std::to_string(row.round - update.staleness) + ")" : "");
  return text.empty() ? "nobody" : text;
}

std::uint64_t examples_of(const RoundRow& row) {
  std::uint64_t sum = 0;
  for (const UpdateRow& update : row.updates) sum += update.examples;
  return sum;
}

std::string rounds_text(const Ledger& ledger) {
  telemetry::Table table(
      {"round", "time", "asked", "counted, with examples", "examples", "refused", "loss", "adapter"});
  std::map<std::uint32_t, std::size_t> refused;
  for (const RefusalRow& refusal : ledger.refusals()) ++refused[refusal.round];
  ledger.each_round([&](const RoundRow& row) {
    table.add_row({std::to_string(row.round), row.time, std::to_string(row.cohort.size()), counted_text(row),
                   std::to_string(examples_of(row)), std::to_string(refused[row.round]), telemetry::fixed(row.loss, 4),
                   row.adapter_digest.substr(0, 12)});
  });
  return table.text();
}

std::string refusals_text(const Ledger& ledger) {
  const std::vector<RefusalRow> refusals = ledger.refusals();
  if (refusals.empty()) return "nothing was refused\n";
  telemetry::Table table({"refused", "kind", "round", "time", "reason"});
  for (const RefusalRow& refusal : refusals)
    table.add_row({refusal.site.name, refusal.kind, refusal.round == 0 ? "-" : std::to_string(refusal.round),
                   refusal.time, printable(refusal.reason)});
  return table.text();
}

RunFacts facts_of(const Ledger& ledger) {
  const std::optional<RunFacts> facts = ledger.run();
  if (!facts) throw ConfigError("no run was begun in this ledger");
  return *facts;
}

Json round_json(const RoundRow& row, const RecordRow& record) {
  Json cohort = Json::array(), updates = Json::array();
  for (const SiteId& site : row.cohort) cohort.push_back(site.name);
  for (const UpdateRow& update : row.updates)
    updates.push_back({{"site", update.site.name},
                       {"examples", update.examples},
                       {"digest", update.digest},
                       {"staleness", update.staleness}});
  return {{"round", row.round},
          {"time", row.time},
          {"cohort", cohort},
          {"updates", updates},
          {"loss", row.loss},
          {"seconds", row.seconds},
          {"bytes_up", row.bytes_up},
          {"bytes_down", row.bytes_down},
          {"adapter_digest", row.adapter_digest},
          {"record", record.hash},
          {"signer", record.signer}};
}

}  // namespace

std::string ledger_text(const Ledger& ledger) {
  const RunFacts facts = facts_of(ledger);
  const std::optional<EndRow> end = ledger.end();
  return "run \"" + printable(facts.run) + "\" (" + facts.run_id + "), seed " + std::to_string(facts.seed) + ", " +
         (end ? "ended: " + printable(end->reason) + "; version " + std::to_string(end->best_version) + " is the best"
              : "not ended yet") +
         "\n\n" + rounds_text(ledger) + "\n" + refusals_text(ledger);
}

void write_ledger_json(const Ledger& ledger, const std::function<void(const std::string&)>& write) {
  const RunFacts facts = facts_of(ledger);
  const std::optional<EndRow> end = ledger.end();
  const std::vector<RecordRow> records = ledger.records();
  JsonStream json(write);
  const auto member = [&](const char* name, const Json& value) { json.member(name, text_of(value)); };
  member("run", facts.run);
  member("run_id", facts.run_id);
  member("config_digest", facts.config_digest);
  member("seed", facts.seed);
  member("base_digest", facts.base_digest);
  member("manifest_digest", facts.manifest_digest);
  member("initial_digest", facts.initial_digest);
  member("best_version", end ? Json(end->best_version) : Json(nullptr));
  member("reason", end ? Json(end->reason) : Json(nullptr));
  json.list("rounds", [&](const JsonStream::Add& add) {
    ledger.each_round([&](const RoundRow& row) {
      add(text_of(round_json(row, row.round < records.size() ? records[row.round] : RecordRow{})));
    });
  });
  json.list("refusals", [&](const JsonStream::Add& add) {
    for (const RefusalRow& refusal : ledger.refusals())
      add(text_of({{"time", refusal.time},
                   {"round", refusal.round},
                   {"site", refusal.site.name},
                   {"kind", refusal.kind},
                   {"reason", refusal.reason}}));
  });
  json.end();
}

std::string check_text(const CheckResult& result) {
  std::string text;
  for (const std::string& fault : result.faults) text += "WRONG  " + printable(fault) + "\n";
  for (const std::string& note : result.notes) text += "note   " + printable(note) + "\n";
  std::string signers;
  for (const std::string& name : result.signers) signers += (signers.empty() ? "" : ", ") + printable(name);
  text += std::to_string(result.rounds) + " rounds in " + std::to_string(result.records) + " records, " +
          std::to_string(result.signatures) + " signatures" + (signers.empty() ? "" : " of " + signers) + ", " +
          std::to_string(result.versions) + " adapter files, " + std::to_string(result.receipts) + " receipts: " +
          (result.faults.empty()       ? "all holds"
           : result.faults.size() == 1 ? "1 fault"
                                       : std::to_string(result.faults.size()) + " faults") +
          "\n";
  if (result.signatures < result.records)
    text += std::to_string(result.records - result.signatures) + " of " + std::to_string(result.records) +
            " records are NOT SIGNED" + (result.signatures == 0 ? ", as in a run within one process" : "") +
            ": whoever can write the file can make them anew.\n";
  return text;
}

}  // namespace weft::coordinator
