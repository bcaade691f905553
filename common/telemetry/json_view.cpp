// Events as JSON lines. The keys are part of the program's interface: add, do not rename.
#include "common/telemetry/json_view.h"

#include <ctime>
#include <nlohmann/json.hpp>
#include <ostream>

#include "common/metrics/registry.h"

namespace weft::telemetry {
namespace {

using Json = nlohmann::ordered_json;

// JSON has no NaN: dump() writes null, which says that there is no number.
struct ToJson {
  Json operator()(const SiteJoined& e) const {
    return {{"event", "site_joined"}, {"site", e.site}, {"examples", e.examples}};
  }
  Json operator()(const SiteLeft& e) const { return {{"event", "site_left"}, {"site", e.site}, {"reason", e.reason}}; }
  Json operator()(const RoundStarted& e) const {
    return {{"event", "round_started"}, {"round", e.round}, {"of", e.of}, {"cohort", e.cohort}};
  }
  Json operator()(const SiteProgress& e) const {
    return {{"event", "site_progress"}, {"site", e.site},   {"stage", e.stage},
            {"done", e.done},           {"total", e.total}, {"tokens_per_second", e.tokens_per_second}};
  }
  Json operator()(const SiteScored& e) const {
    return {{"event", "site_scored"}, {"site", e.site},         {"split", e.split},
            {"version", e.version},   {"examples", e.examples}, {"values", metrics::values(e.tally)}};
  }
  Json operator()(const VersionScored& e) const {
    return {{"event", "version_scored"},
            {"split", e.split},
            {"version", e.version},
            {"examples", e.examples},
            {"values", metrics::values(e.tally)}};
  }
  Json operator()(const UpdateAccepted& e) const {
    return {{"event", "update_accepted"},
            {"round", e.round},
            {"site", e.site},
            {"examples", e.examples},
            {"values", e.values}};
  }
  Json operator()(const UpdateRefused& e) const {
    return {{"event", "update_refused"}, {"round", e.round}, {"site", e.site}, {"reason", e.reason}};
  }
  Json operator()(const Waiting& e) const {
    return {{"event", "waiting"},
            {"sites", e.sites},
            {"what", e.what},
            {"seconds_left", e.seconds_left ? Json(*e.seconds_left) : Json()}};
  }
  Json operator()(const RoundCommitted& e) const {
    return {{"event", "round_committed"},
            {"round", e.round},
            {"of", e.of},
            {"counted", e.counted},
            {"loss", e.loss},
            {"seconds", e.seconds},
            {"bytes_up", e.bytes_up},
            {"bytes_down", e.bytes_down},
            {"adapter_digest", e.adapter_digest}};
  }
  Json operator()(const RunFinished& e) const {
    return {{"event", "run_finished"},
            {"best_version", e.best_version},
            {"reason", e.reason},
            {"adapter_digest", e.adapter_digest},
            {"refusals", e.refusals}};
  }
};

std::string utc(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace

void JsonView::on(const RunEvent& event) {
  Json json = std::visit(ToJson{}, event);
  json["time"] = utc(clock_.wall());
  // A site may put bytes into a reason that are not UTF-8; they are replaced rather than end the run.
  out_ << json.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n' << std::flush;
}

}  // namespace weft::telemetry
