// The state behind the live block, and its layout.
#include "common/telemetry/run_board.h"

#include <algorithm>

#include "common/base/bytes.h"
#include "common/metrics/registry.h"
#include "common/telemetry/printable.h"
#include "common/telemetry/table.h"

namespace weft::telemetry {
namespace {

constexpr std::size_t kBarWidth = 20;

std::string bar(std::uint64_t done, std::uint64_t total) {
  if (total == 0) return std::string(kBarWidth, ' ');
  const auto full = static_cast<std::size_t>(kBarWidth * std::min(done, total) / total);
  return std::string(full, '#') + std::string(kBarWidth - full, '.');
}

std::string rate(double tokens_per_second) {
  if (!(tokens_per_second > 0)) return "";
  return "  " + (tokens_per_second >= 10000 ? fixed(tokens_per_second / 1000, 1) + "k" : fixed(tokens_per_second, 0)) +
         " tokens/s";
}

// Cuts at a whole UTF-8 character.
std::string cut(const std::string& line, std::size_t width) {
  std::string out;
  std::size_t shown = 0;
  for (const char c : printable(line)) {
    const bool continues = (static_cast<unsigned char>(c) & 0xc0) == 0x80;
    if (!continues && shown++ == width) break;
    out += c;
  }
  return out;
}

std::string padded(const std::string& text, std::size_t width) {
  return text + std::string(width - std::min(width, shown_width(text)), ' ');
}

}  // namespace

std::string RunBoard::apply(const RunEvent& event) {
  if (const auto* progress = std::get_if<SiteProgress>(&event)) {
    Site& site = sites_[progress->site];
    site.busy = true;
    site.progress = *progress;
    return "";
  }
  if (const auto* waiting = std::get_if<Waiting>(&event)) {
    waiting_ = *waiting;
    return "";
  }
  if (const auto* joined = std::get_if<SiteJoined>(&event)) sites_[joined->site] = {.state = "ready"};
  if (const auto* left = std::get_if<SiteLeft>(&event)) sites_[left->site] = {.state = "left: " + left->reason};
  if (const auto* started = std::get_if<RoundStarted>(&event)) {
    round_ = started->round;
    of_ = started->of;
    waiting_.reset();
    for (auto& [name, site] : sites_)
      if (!site.state.starts_with("left")) site = {.state = "not in this round"};
    for (const std::string& name : started->cohort) sites_[name] = {.state = "asked"};
  }
  if (const auto* accepted = std::get_if<UpdateAccepted>(&event)) sites_[accepted->site] = {.state = "update is in"};
  if (const auto* refused = std::get_if<UpdateRefused>(&event)) {
    sites_[refused->site] = {.state = "update refused"};
    return event_line(event);
  }
  if (const auto* scored = std::get_if<SiteScored>(&event)) {
    sites_[scored->site] = {.state = "scored"};
    if (scored->split != "validation") return "";
    if (scored->version != scored_version_) scores_.clear();
    scored_version_ = scored->version;
    primary_ = scored->primary;
    scores_[scored->site] = scored->tally;
    return "";
  }
  if (const auto* committed = std::get_if<RoundCommitted>(&event)) {
    loss_ = committed->loss;
    waiting_.reset();
    return event_line(event);
  }
  if (std::holds_alternative<RunFinished>(event)) waiting_.reset();
  const bool kept = std::holds_alternative<SiteLeft>(event) || std::holds_alternative<RunFinished>(event);
  return kept ? event_line(event) : "";
}

std::string RunBoard::header() const {
  std::string text = round_ == 0 ? "before the first round"
                                 : "round " + std::to_string(round_) + (of_ == 0 ? "" : "/" + std::to_string(of_));
  if (loss_) text += "   loss " + fixed(*loss_, 4);
  metrics::Tally all;
  for (const auto& [site, tally] : scores_) all.merge(tally);
  if (const auto value = metrics::value(all, primary_)) {
    text += "   validation " + metrics::title(primary_) + " " + metrics::shown(primary_, *value);
    text += " (version " + std::to_string(scored_version_) + ")";
  }
  return text;
}

std::string RunBoard::site_line(const std::string& name, const Site& site, std::size_t name_width) const {
  const std::string start = "  " + padded(name, name_width) + "  ";
  if (!site.busy) return start + site.state;
  const SiteProgress& p = site.progress;
  const bool bytes = p.stage == "fetching" || p.stage == "verifying" || p.stage == "uploading";
  const auto number = [&](std::uint64_t value) { return bytes ? human_bytes(value) : std::to_string(value); };
  const std::string count = p.total == 0 ? "" : "  " + number(p.done) + "/" + number(p.total);
  return start + padded(p.stage, 10) + "  " + (p.total == 0 ? "" : "[" + bar(p.done, p.total) + "]") + count +
         rate(p.tokens_per_second);
}

// Names of the sites that fit into `room` lines, one of them kept for the count of the others.
std::vector<std::string> RunBoard::shown_sites(std::size_t room) const {
  std::vector<std::string> names;
  for (const auto& [name, site] : sites_) names.push_back(name);
  if (names.size() <= room) return names;
  std::stable_partition(names.begin(), names.end(), [&](const std::string& name) { return sites_.at(name).busy; });
  names.resize(room == 0 ? 0 : room - 1);
  return names;
}

std::vector<std::string> RunBoard::lines(std::size_t width, std::size_t height, double waited) const {
  const std::size_t others = waiting_ ? 2 : 1;
  const std::vector<std::string> names = shown_sites(std::max(height, others) - others);
  std::size_t name_width = 0;
  for (const auto& name : names) name_width = std::max(name_width, shown_width(name));
  std::vector<std::string> out{cut(header(), width)};
  for (const auto& name : names) out.push_back(cut(site_line(name, sites_.at(name), name_width), width));
  if (names.size() < sites_.size() && height > others)
    out.push_back(cut("  and " + std::to_string(sites_.size() - names.size()) + " more sites", width));
  if (waiting_) {
    Waiting now = *waiting_;
    if (now.seconds_left) *now.seconds_left -= waited;
    out.push_back(cut(event_line(now), width));
  }
  return out;
}

}  // namespace weft::telemetry
