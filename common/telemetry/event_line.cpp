// Events as lines that a person reads.
#include <algorithm>
#include <cmath>

#include "common/base/bytes.h"
#include "common/base/joined.h"
#include "common/metrics/registry.h"
#include "common/telemetry/printable.h"
#include "common/telemetry/run_board.h"
#include "common/telemetry/table.h"

namespace weft::telemetry {
namespace {

// "accuracy 82.5 %, loss 0.5000, macro F1 0.8213": the primary value first; in brief it and the loss alone.
enum class Extent { brief, whole };
std::string scores(const metrics::Tally& tally, const std::string& primary, Extent extent) {
  auto listed = metrics::listed(tally, primary);
  if (extent == Extent::brief)
    std::erase_if(listed, [&](const auto& each) { return each.first != primary && !metrics::is_loss(each.first); });
  return listed.empty() ? "nothing counted" : metrics::shown(listed);
}

std::string of(std::uint32_t round, std::uint32_t all) {
  std::string text = "round " + std::to_string(round);
  if (all != 0) text.append("/").append(std::to_string(all));
  return text;
}

struct Line {
  std::string operator()(const SiteJoined& e) const {
    std::string counts;
    for (const auto& [split, count] : e.examples)
      counts += (counts.empty() ? "" : ", ") + split + " " + std::to_string(count);
    return e.site + " joined" + (counts.empty() ? "" : " (examples: " + counts + ")");
  }
  std::string operator()(const SiteLeft& e) const { return e.site + " left: " + e.reason; }
  std::string operator()(const RoundStarted& e) const {
    return of(e.round, e.of) + " started with " + std::to_string(e.cohort.size()) + " sites: " + joined(e.cohort);
  }
  std::string operator()(const SiteProgress&) const { return ""; }
  std::string operator()(const SiteScored& e) const {
    return e.site + " scored version " + std::to_string(e.version) + " on " + std::to_string(e.examples) + " " +
           e.split + " examples: " + scores(e.tally, e.primary, Extent::brief);
  }
  std::string operator()(const VersionScored& e) const {
    return "version " + std::to_string(e.version) + " on all " + std::to_string(e.examples) + " " + e.split +
           " examples: " + scores(e.tally, e.primary, Extent::whole);
  }
  std::string operator()(const UpdateAccepted& e) const {
    const auto stale = e.values.find(kStaleness);
    return of(e.round, 0) + ": update of " + e.site + " is in (" + std::to_string(e.examples) + " examples" +
           (stale == e.values.end() ? "" : "; stale, of " + fixed(stale->second, 0) + " versions ago") + ")";
  }
  std::string operator()(const UpdateRefused& e) const {
    return of(e.round, 0) + ": update of " + e.site + " refused: " + e.reason;
  }
  std::string operator()(const Waiting& e) const {
    return "waiting for " + e.what + (e.sites.empty() ? "" : " from " + joined(e.sites)) +
           (e.seconds_left ? ", " + human_seconds(*e.seconds_left) + " left" : ", without a limit");
  }
  std::string operator()(const RoundCommitted& e) const {
    return of(e.round, e.of) + " committed: loss " + (e.counted.empty() ? "-" : fixed(e.loss, 4)) + ", " +
           std::to_string(e.counted.size()) + " updates, " + human_bytes(e.bytes_up) + " up, " +
           human_bytes(e.bytes_down) + " down, " + fixed(e.seconds, 1) + " s";
  }
  std::string operator()(const RunFinished& e) const {
    std::string refused;
    for (const auto& [kind, count] : e.refusals)
      refused += (refused.empty() ? "; refused: " : ", ") + std::to_string(count) + " " + kind;
    return "run finished: " + e.reason + "; best version " + std::to_string(e.best_version) + ", adapter " +
           e.adapter_digest.substr(0, 12) + refused;
  }
};

}  // namespace

std::string event_line(const RunEvent& event) { return printable(std::visit(Line{}, event)); }

std::string human_seconds(double seconds) {
  static constexpr double kMost = 1e12;  // far beyond any run, and no overflow below
  const auto whole = static_cast<std::int64_t>(std::ceil(std::clamp(seconds, 0.0, kMost)));
  const auto two = [](std::int64_t value) { return std::string(value < 10 ? "0" : "") + std::to_string(value); };
  if (whole >= 3600) return std::to_string(whole / 3600) + " h " + two(whole / 60 % 60) + " min";
  if (whole >= 60) return std::to_string(whole / 60) + " min " + two(whole % 60) + " s";
  return std::to_string(whole) + " s";
}

}  // namespace weft::telemetry
