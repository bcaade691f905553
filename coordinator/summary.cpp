#include "coordinator/summary.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/metrics/registry.h"
#include "coordinator/json_stream.h"

namespace weft::coordinator {
namespace {

using json = nlohmann::ordered_json;

std::string text_of(const json& value) { return value.dump(2, ' ', false, json::error_handler_t::replace); }

json values_of(std::uint64_t examples, const metrics::Tally& tally) {
  json entry{{"examples", examples}};
  for (const auto& [name, value] : metrics::values(tally)) entry[name] = value;
  return entry;
}

json scores_json(const std::vector<fl::SiteScore>& all, std::uint32_t version, const std::string& split) {
  json sites = json::object();
  for (const fl::SiteScore& score : all)
    if (score.split == split) sites[score.site.name] = values_of(score.examples, score.tally);
  if (sites.empty()) return nullptr;
  const fl::OverallScore all_sites = fl::overall(all, version, split).value_or(fl::OverallScore{});
  return {{"overall", values_of(all_sites.examples, all_sites.tally)}, {"sites", sites}};
}

json scores_json(const Ledger& ledger, std::uint32_t version, const std::string& split) {
  return scores_json(ledger.scores(version), version, split);
}

json refusals_json(const Ledger& ledger, std::uint32_t round) {
  json refusals = json::array();
  for (const RefusalRow& refusal : ledger.refusals(round))
    refusals.push_back(
        {{"site", refusal.site.name}, {"kind", refusal.kind}, {"reason", refusal.reason}, {"time", refusal.time}});
  return refusals;
}

json round_json(const Ledger& ledger, const RoundRow& row) {
  json cohort = json::array(), counted = json::array();
  for (const SiteId& site : row.cohort) cohort.push_back(site.name);
  for (const UpdateRow& update : row.updates) counted.push_back(update.site.name);
  return {{"round", row.round},
          {"time", row.time},
          {"cohort", cohort},
          {"counted", counted},
          {"loss", row.updates.empty() ? json(nullptr) : json(row.loss)},
          {"validation", scores_json(ledger, row.round, "validation")},
          {"bytes_up", row.bytes_up},
          {"bytes_down", row.bytes_down},
          {"seconds", row.seconds},
          {"refusals", refusals_json(ledger, row.round)},
          {"adapter_digest", row.adapter_digest}};
}

json put_aside_json(const Ledger& ledger) {
  std::set<std::string> sites;
  for (const RefusalRow& refusal : ledger.refusals(0))
    if (refusal.kind == fl::name_of(fl::RefusalKind::put_aside)) sites.insert(refusal.site.name);
  return sites;
}

// As each process said of itself; a site's newest word counts.
void note_peaks(const RoundRow& row, json& peaks) {
  for (const UpdateRow& update : row.updates)
    if (const auto peak = update.values.find("peak_rss_bytes"); peak != update.values.end())
      peaks[update.site.name] = static_cast<std::uint64_t>(std::clamp(peak->second, 0.0, 1e18));
}

}  // namespace

void write_summary(const Ledger& ledger, const SummaryFacts& facts,
                   const std::function<void(const std::string&)>& write) {
  const RunFacts run = ledger.run().value();
  const EndRow end = ledger.end().value();
  json peaks{{"coordinator", facts.coordinator_peak_rss_bytes}};
  JsonStream summary(write);
  const auto member = [&](const char* name, const json& value) { summary.member(name, text_of(value)); };
  member("run", run.run);
  member("run_id", run.run_id);
  member("config_digest", run.config_digest);
  member("seed", run.seed);
  member("versions", facts.versions);
  member("base_digest", run.base_digest);
  member("initial", {{"adapter_digest", run.initial_digest}, {"validation", scores_json(ledger, 0, "validation")}});
  summary.list("rounds", [&](const JsonStream::Add& add) {
    ledger.each_round([&](const RoundRow& row) {
      add(text_of(round_json(ledger, row)));
      note_peaks(row, peaks);
    });
  });
  member("refusals", refusals_json(ledger, 0));
  member("refused", ledger.refusals_by_kind());
  member("put_aside", put_aside_json(ledger));
  member("metric", {{"name", facts.metric}, {"better", metrics::is_better(facts.metric, 1, 0) ? "higher" : "lower"}});
  member("best_version", end.best_version);
  member("reason", end.reason);
  member("final", scores_json(ledger, end.best_version, "test"));
  member("adapter_sha256", facts.adapter_sha256);
  member("peak_rss_bytes", peaks);
  summary.end();
}

}  // namespace weft::coordinator
