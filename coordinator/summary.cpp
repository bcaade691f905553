#include "coordinator/summary.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/metrics/registry.h"

namespace weft::coordinator {
namespace {

using json = nlohmann::ordered_json;

json values_of(std::uint64_t examples, const metrics::Tally& tally) {
  json entry{{"examples", examples}};
  for (const auto& [name, value] : metrics::values(tally)) entry[name] = value;
  return entry;
}

json scores_json(const std::vector<fl::SiteScore>& all, std::uint32_t version, const std::string& split) {
  std::vector<const fl::SiteScore*> scores;
  for (const fl::SiteScore& score : all)
    if (score.version == version && score.split == split) scores.push_back(&score);
  if (scores.empty()) return nullptr;
  json sites = json::object();
  for (const fl::SiteScore* score : scores) sites[score->site.name] = values_of(score->examples, score->tally);
  const fl::OverallScore all_sites = fl::overall(all, version, split).value_or(fl::OverallScore{});
  return {{"overall", values_of(all_sites.examples, all_sites.tally)}, {"sites", sites}};
}

json refusals_json(const std::vector<RefusalRow>& all, std::uint32_t round) {
  json refusals = json::array();
  for (const RefusalRow& refusal : all)
    if (refusal.round == round)
      refusals.push_back(
          {{"site", refusal.site.name}, {"kind", refusal.kind}, {"reason", refusal.reason}, {"time", refusal.time}});
  return refusals;
}

json refused_json(const std::vector<RefusalRow>& all) {
  std::map<std::string, std::uint64_t> counts;
  for (const RefusalRow& refusal : all) ++counts[refusal.kind];
  return counts;
}

json put_aside_json(const std::vector<RefusalRow>& all) {
  std::set<std::string> sites;
  for (const RefusalRow& refusal : all)
    if (refusal.kind == fl::name_of(fl::RefusalKind::put_aside)) sites.insert(refusal.site.name);
  return sites;
}

json round_json(const SummaryFacts& facts, const RoundRow& row) {
  json cohort = json::array(), counted = json::array();
  for (const SiteId& site : row.cohort) cohort.push_back(site.name);
  for (const UpdateRow& update : row.updates) counted.push_back(update.site.name);
  return {{"round", row.round},
          {"time", row.time},
          {"cohort", cohort},
          {"counted", counted},
          {"loss", row.updates.empty() ? json(nullptr) : json(row.loss)},
          {"validation", scores_json(facts.scores, row.round, "validation")},
          {"bytes_up", row.bytes_up},
          {"bytes_down", row.bytes_down},
          {"seconds", row.seconds},
          {"refusals", refusals_json(facts.refusals, row.round)},
          {"adapter_digest", row.adapter_digest}};
}

// As each process said of itself; a site's newest word counts.
json peaks_json(const SummaryFacts& facts) {
  json peaks{{"coordinator", facts.coordinator_peak_rss_bytes}};
  for (const RoundRow& row : facts.rounds)
    for (const UpdateRow& update : row.updates)
      if (const auto peak = update.values.find("peak_rss_bytes"); peak != update.values.end())
        peaks[update.site.name] = static_cast<std::uint64_t>(std::clamp(peak->second, 0.0, 1e18));
  return peaks;
}

}  // namespace

std::string summary_json(const SummaryFacts& facts) {
  json rounds = json::array();
  for (const RoundRow& row : facts.rounds) rounds.push_back(round_json(facts, row));
  const json summary{
      {"run", facts.run.run},
      {"run_id", facts.run.run_id},
      {"config_digest", facts.run.config_digest},
      {"seed", facts.run.seed},
      {"versions", facts.versions},
      {"base_digest", facts.run.base_digest},
      {"initial",
       {{"adapter_digest", facts.run.initial_digest}, {"validation", scores_json(facts.scores, 0, "validation")}}},
      {"rounds", rounds},
      {"refusals", refusals_json(facts.refusals, 0)},
      {"refused", refused_json(facts.refusals)},
      {"put_aside", put_aside_json(facts.refusals)},
      {"metric", {{"name", facts.metric}, {"better", metrics::is_better(facts.metric, 1, 0) ? "higher" : "lower"}}},
      {"best_version", facts.end.best_version},
      {"reason", facts.end.reason},
      {"final", scores_json(facts.scores, facts.end.best_version, "test")},
      {"adapter_sha256", facts.adapter_sha256},
      {"peak_rss_bytes", peaks_json(facts)}};
  return summary.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace weft::coordinator
