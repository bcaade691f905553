// The machine: one stage at a time, each followed by what the history says.
#include "common/fl/round.h"

#include <algorithm>

#include "common/base/result.h"
#include "common/fl/sampling.h"
#include "common/metrics/registry.h"

namespace weft::fl {
namespace {

constexpr const char* kValidation = "validation";
constexpr const char* kTest = "test";

std::vector<SiteId> in_order(std::vector<SiteId> sites) {
  std::sort(sites.begin(), sites.end());
  sites.erase(std::unique(sites.begin(), sites.end()), sites.end());
  return sites;
}

// A version's scores beyond this come after its last round and are asked for again.
VersionValues of_rounds(const History& history, const std::string& metric) {
  VersionValues values = validation_values(history.scores, metric);
  values.erase(values.lower_bound(history.committed), values.end());
  return values;
}

}  // namespace

RoundMachine::RoundMachine(const RoundsConfig& config, std::string metric, std::vector<SiteId> sites, const Rng& rng,
                           const History& history)
    : config_(config),
      metric_(std::move(metric)),
      sites_(in_order(std::move(sites))),
      rng_(rng),
      committed_(history.committed),
      validation_(of_rounds(history, metric_)) {
  for (const UpdateRefused& refused : history.refused) refused_[refused.site].insert(refused.round);
  WEFT_CHECK(!sites_.empty(), "a run of no sites");
  WEFT_CHECK(metrics::find_metric(metric_) != nullptr, "no such metric: \"" + metric_ + "\"");
}

std::vector<RoundAction> RoundMachine::start(TimePoint now) {
  WEFT_CHECK(phase_ == Phase::idle, "start() is called once");
  Actions actions;
  go_on(actions);
  settle(now, actions);
  return actions;
}

std::vector<RoundAction> RoundMachine::on(const RoundEvent& event, TimePoint now) {
  Actions actions;
  std::visit([&](const auto& each) { handle(each, actions); }, event);
  settle(now, actions);
  return actions;
}

void RoundMachine::handle(const SiteReady& event, Actions& actions) {
  ready_.insert(event.site);
  declined_.erase(event.site);
  ask(event.site, actions);
}

void RoundMachine::handle(const SiteGone& event, Actions&) { ready_.erase(event.site); }

void RoundMachine::handle(const SiteDeclined& event, Actions&) {
  ready_.erase(event.site);
  declined_.insert(event.site);
}

void RoundMachine::handle(const Scored& event, Actions&) {
  if (stage_) stage_->take(event.score);
}

void RoundMachine::handle(const UpdateAdmitted& event, Actions&) {
  if (stage_) stage_->settle(event.site, event.round, Stage::Update::admitted);
}

void RoundMachine::handle(const UpdateRefused& event, Actions&) {
  if (!wants_update(event.site, event.round)) return;
  stage_->settle(event.site, event.round, Stage::Update::refused);
  refused_[event.site].insert(event.round);
}

void RoundMachine::handle(const RoundDurable& event, Actions& actions) {
  if (phase_ != Phase::committing || event.round != committed_ + 1) return;
  committed_ = event.round;
  validation_.merge(validation_values(pending_, metric_));
  go_on(actions);
}

void RoundMachine::settle(TimePoint now, Actions& actions) {
  while (stage_) {
    stage_->observe(ready_, declined_, now);
    if (stage_->hopeless()) return fail(actions);
    if (!stage_->done()) return;
    close(actions);
  }
}

// Refusals of a round that is not committed do not count yet: it may be done again with that site mended. At least the
// sites whose updates the last round counted are left.
void RoundMachine::put_aside(Actions& actions) {
  if (config_.max_refusals == 0) return;
  for (const auto& [site, rounds] : refused_) {
    const auto committed = std::distance(rounds.begin(), rounds.upper_bound(committed_));
    if (committed >= static_cast<std::ptrdiff_t>(config_.max_refusals) && aside_.insert(site).second)
      actions.emplace_back(PutAside{site});
  }
}

std::vector<SiteId> RoundMachine::standing() const {
  std::vector<SiteId> sites = sites_;
  std::erase_if(sites, [this](const SiteId& site) { return put_aside(site); });
  return sites;
}

// What comes after the committed rounds.
void RoundMachine::go_on(Actions& actions) {
  put_aside(actions);
  if (stop_reason().empty()) return begin_round(actions);
  begin(Phase::last, {.version = version(), .split = kValidation, .deadline = config_.deadline}, standing(), actions);
}

void RoundMachine::begin_round(Actions& actions) {
  const std::uint32_t round = version() + 1;
  const std::vector<SiteId> cohort = draw_cohort(standing(), config_.fraction, rng_, round);
  actions.emplace_back(BeginRound{.round = round, .cohort = cohort});
  begin(Phase::round,
        {.round = round,
         .version = version(),
         .split = kValidation,
         .quorum = quorum_size(config_.quorum, cohort.size()),
         .deadline = config_.deadline},
        cohort, actions);
}

void RoundMachine::begin(Phase phase, StageTask task, const std::vector<SiteId>& members, Actions& actions) {
  phase_ = phase;
  stage_.emplace(std::move(task), members);
  for (const SiteId& site : ready_) ask(site, actions);
}

void RoundMachine::close(Actions& actions) {
  const Stage stage = std::move(*stage_);
  stage_.reset();
  if (phase_ == Phase::round) {
    phase_ = Phase::committing;
    pending_ = stage.scores();
    actions.emplace_back(
        CommitRound{.round = stage.task().round, .counted = stage.with(Stage::Update::admitted), .scores = pending_});
  } else if (phase_ == Phase::last) {
    pending_ = stage.scores();
    VersionValues all = validation_values(pending_, metric_);
    all.insert(validation_.begin(), validation_.end());
    const std::uint32_t best = best_version(all, metric_).value_or(version());
    begin(Phase::best, {.version = best, .split = kTest, .deadline = config_.deadline}, standing(), actions);
  } else {
    phase_ = Phase::finished;
    const std::vector<SiteScore> best = stage.scores();
    pending_.insert(pending_.end(), best.begin(), best.end());
    actions.emplace_back(FinishRun{.best_version = stage.task().version, .reason = stop_reason(), .scores = pending_});
  }
}

void RoundMachine::fail(Actions& actions) {
  FailRun failed{.round = stage_->task().round,
                 .quorum = stage_->task().quorum,
                 .refused = stage_->with(Stage::Update::refused),
                 .declined = stage_->with(Stage::Update::none)};
  std::erase_if(failed.declined, [this](const SiteId& site) { return !declined_.contains(site); });
  actions.emplace_back(std::move(failed));
  phase_ = Phase::finished;
  stage_.reset();
}

void RoundMachine::ask(const SiteId& site, Actions& actions) const {
  if (!stage_) return;
  const StageTask& task = stage_->task();
  Ask ask{.site = site, .version = task.version};
  if (stage_->lacks_score(site)) ask.evaluate.push_back(task.split);
  if (stage_->lacks_update(site)) {
    ask.round = task.round;
    ask.train = true;
  }
  if (ask.train || !ask.evaluate.empty()) actions.emplace_back(std::move(ask));
}

std::string RoundMachine::stop_reason() const {
  if (version() >= config_.count) return "all rounds are done";
  if (config_.patience == 0 || versions_since_best(validation_, metric_) < config_.patience) return "";
  return "no better validation " + metrics::title(metric_) + " for " + std::to_string(config_.patience) +
         (config_.patience == 1 ? " round" : " rounds");
}

TimePoint RoundMachine::wake_at() const { return stage_ ? stage_->wake_at() : TimePoint::max(); }

std::optional<WaitingFor> RoundMachine::waiting() const {
  if (!stage_) return std::nullopt;
  WaitingFor waiting{.sites = stage_->missing(), .until = stage_->wake_at()};
  const auto trains = [&](const SiteId& site) { return stage_->lacks_update(site); };
  if (!stage_->clock_runs()) {
    waiting.what = "sites to join";
    std::erase_if(waiting.sites, [&](const SiteId& site) { return ready_.contains(site); });
  } else if (std::any_of(waiting.sites.begin(), waiting.sites.end(), trains)) {
    waiting.what = "an update";
  } else {
    waiting.what = stage_->task().split == kTest ? "a test score" : "a validation score";
  }
  return waiting;
}

std::uint32_t RoundMachine::round() const { return phase_ == Phase::round ? stage_->task().round : 0; }

bool RoundMachine::wants_update(const SiteId& site, std::uint32_t round) const {
  return round != 0 && round == this->round() && stage_->lacks_update(site);
}

}  // namespace weft::fl
