// The machine: one stage at a time, each followed by what the history says.
#include "common/fl/round.h"

#include <algorithm>

#include "common/base/result.h"
#include "common/fl/cohort.h"
#include "common/fl/sampling.h"
#include "common/metrics/registry.h"

namespace weft::fl {
namespace {

constexpr const char* kValidation = "validation";
constexpr const char* kTest = "test";
constexpr Milliseconds kReturn{45'000};  // more than sites wait before they connect anew, and connect

std::vector<SiteId> in_order(std::vector<SiteId> sites) {
  std::sort(sites.begin(), sites.end());
  sites.erase(std::unique(sites.begin(), sites.end()), sites.end());
  return sites;
}

}  // namespace

RoundMachine::RoundMachine(const RoundsConfig& config, std::string metric, std::vector<SiteId> sites, const Rng& rng,
                           History history)
    : config_(config),
      metric_(std::move(metric)),
      sites_(in_order(std::move(sites))),
      rng_(rng),
      committed_(history.committed),
      validation_(std::move(history.validation)),
      past_(std::move(history.past)),
      returning_(history.resumed) {
  // A version's scores beyond this come after its last round and are asked for again.
  validation_.erase(validation_.lower_bound(committed_), validation_.end());
  for (const auto& [update, seen_in] : history.refused) refused_[update.site].emplace(update.round, seen_in);
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
  if (std::exchange(freed_, false) && stage_) hand_out(actions);  // with the newest version, if a round has just closed
  return actions;
}

void RoundMachine::handle(const SiteReady& event, Actions& actions) {
  ready_.insert(event.site);
  declined_.erase(event.site);
  asked_.erase(event.site);
  adopt(event);
  if (stage_) ask(event.site, taken_places(), actions);
}

// What an older machine asked of it.
void RoundMachine::adopt(const SiteReady& event) {
  if (phase_ != Phase::round || event.training == 0 || event.training >= round()) return;
  const bool stands = std::binary_search(sites_.begin(), sites_.end(), event.site) && !put_aside(event.site);
  if (!stands || at_work_.contains(event.site) || fate_of(event.site, event.training) == Fate::late) return;
  at_work_[event.site] = {.round = event.training};
  stage_->excuse(event.site);
}

void RoundMachine::handle(const SiteGone& event, Actions&) {
  ready_.erase(event.site);
  freed_ = config_.concurrency > 0 && at_work_.contains(event.site);
}

void RoundMachine::handle(const SiteDeclined& event, Actions&) {
  ready_.erase(event.site);
  at_work_.erase(event.site);
  declined_.insert(event.site);
  freed_ = config_.concurrency > 0;
}

void RoundMachine::handle(const SiteRevoked& event, Actions& actions) {
  handle(SiteDeclined{event.site}, actions);
  const auto its = [&](const CountedUpdate& update) { return update.site == event.site; };
  if (phase_ == Phase::round && std::any_of(counted_.begin(), counted_.end(), its)) open_anew(actions);
}

void RoundMachine::handle(const Scored& event, Actions&) {
  if (stage_) stage_->take(event.score);
}

void RoundMachine::handle(const UpdateAdmitted& event, Actions&) {
  if (!wants_update(event.site, event.round)) return;
  CountedUpdate counted = event.counted;
  counted.site = event.site;
  counted.staleness = round() - event.round;
  counted_.push_back(std::move(counted));
  judged(event.site, event.round, Stage::Update::admitted);
}

void RoundMachine::handle(const UpdateRefused& event, Actions&) {
  if (!wants_update(event.site, event.round)) return;
  refused_[event.site].emplace(event.round, round());
  judged(event.site, event.round, Stage::Update::refused);
}

void RoundMachine::judged(const SiteId& site, std::uint32_t round, Stage::Update update) {
  stage_->settle(site, round, update);
  const auto work = at_work_.find(site);
  if (work != at_work_.end() && work->second.round == round) {
    at_work_.erase(work);
    if (round != this->round()) asked_.erase(site);
  }
  freed_ = config_.concurrency > 0 || !asked_.contains(site);
}

void RoundMachine::handle(const SitesChanged& event, Actions&) {
  WEFT_CHECK(!event.sites.empty(), "a run of no sites");
  next_sites_ = in_order(event.sites);
}

void RoundMachine::handle(const RoundDurable& event, Actions& actions) {
  if (phase_ != Phase::committing || event.round != committed_ + 1) return;
  committed_ = event.round;
  for (const CountedUpdate& update : counted_)
    if (const auto refused = refused_.find(update.site); refused != refused_.end())
      std::erase_if(refused->second, [&](const auto& each) { return each.second == event.round; });
  validation_.merge(validation_values(pending_, metric_));
  past_.note({.round = event.round, .cohort = cohort_, .updates = std::exchange(counted_, {})});
  go_on(actions);
}

void RoundMachine::settle(TimePoint now, Actions& actions) {
  while (stage_) {
    const std::set<SiteId> gone = let_go();
    std::set<SiteId> out = declined_;
    out.insert(gone.begin(), gone.end());
    stage_->observe(ready_, std::move(out), now);
    if (is_lost(gone)) {
      open_anew(actions);
      continue;
    }
    if (stage_->hopeless()) return fail(actions);
    if (!stage_->done()) return;
    close(actions);
  }
}

// Of whom the stage asks, those that are away and not listed any more.
std::set<SiteId> RoundMachine::let_go() const {
  std::set<SiteId> sites;
  if (next_sites_.empty()) return sites;
  for (const SiteId& site : sites_)
    if (stage_->asks(site) && !ready_.contains(site) &&
        !std::binary_search(next_sites_.begin(), next_sites_.end(), site))
      sites.insert(site);
  return sites;
}

// Of the open round too few are left since the list of sites was changed.
bool RoundMachine::is_lost(std::set<SiteId> gone) const {
  if (phase_ != Phase::round || gone.empty()) return false;
  if (stage_->late()) gone.insert(declined_.begin(), declined_.end());  // they have had their time
  return stage_->hopeless_without(gone);
}

// As after a crash: what came for it is asked for again.
void RoundMachine::open_anew(Actions& actions) {
  const std::uint32_t open = round();
  std::erase_if(at_work_, [open](const auto& entry) { return entry.second.round == open; });
  counted_.clear();
  stage_.reset();
  go_on(actions);
}

// Refusals in a round that is not committed do not count yet: it may be done again with that site mended, and when it
// then counts that site they never do.
void RoundMachine::put_aside(Actions& actions) {
  if (config_.max_refusals == 0) return;
  for (const auto& [site, rounds] : refused_) {
    const auto committed =
        std::count_if(rounds.begin(), rounds.end(), [this](const auto& each) { return each.second <= committed_; });
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
  if (!next_sites_.empty()) sites_ = std::exchange(next_sites_, {});
  put_aside(actions);
  if (stop_reason().empty()) return begin_round(actions);
  at_work_.clear();
  begin(Phase::last, {.version = version(), .split = kValidation, .deadline = config_.deadline}, standing(), actions);
}

void RoundMachine::begin_round(Actions& actions) {
  const std::uint32_t round = version() + 1;
  const std::vector<SiteId> sites = standing();
  if (sites.empty()) {  // the list was changed
    actions.emplace_back(FailRun{.round = round, .quorum = 1, .aside = sites_});
    phase_ = Phase::finished;
    return;
  }
  Cohort cohort = choose_cohort(config_, sites, past_, rng_, round);
  if (config_.buffered()) cohort.wanted = std::min<std::size_t>(config_.buffer, cohort.sites.size());
  cohort_ = cohort.sites;
  std::erase_if(at_work_, [&](const auto& entry) {
    return !is_left_to_it(entry.second.round, round) || !std::binary_search(sites.begin(), sites.end(), entry.first);
  });
  BeginRound begun{.round = round, .cohort = cohort_};
  for (const auto& [site, work] : at_work_) begun.at_work.push_back(site);
  actions.emplace_back(std::move(begun));
  begin(Phase::round,
        {.round = round,
         .version = version(),
         .split = kValidation,
         .wanted = cohort.wanted,
         .quorum = quorum_size(config_.quorum, cohort.wanted),
         .deadline = config_.deadline},
        cohort_, actions);
}

// The update of that round would come into `open`.
bool RoundMachine::is_left_to_it(std::uint32_t round, std::uint32_t open) const {
  return open - round <= config_.max_staleness;
}

void RoundMachine::begin(Phase phase, StageTask task, const std::vector<SiteId>& members, Actions& actions) {
  phase_ = phase;
  if (returning_) task.deadline = std::max(task.deadline, kReturn);
  stage_.emplace(std::move(task), members);
  for (const auto& [site, work] : at_work_) stage_->excuse(site);
  std::erase_if(asked_, [this](const SiteId& site) { return !at_work_.contains(site); });
  hand_out(actions);
}

void RoundMachine::close(Actions& actions) {
  const Stage stage = std::move(*stage_);
  stage_.reset();
  returning_ = false;
  if (phase_ == Phase::round) {
    commit(stage, actions);
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

void RoundMachine::commit(const Stage& stage, Actions& actions) {
  phase_ = Phase::committing;
  pending_ = stage.scores();
  std::sort(counted_.begin(), counted_.end(), [](const auto& one, const auto& other) { return one.site < other.site; });
  CommitRound commit{.round = stage.task().round, .scores = pending_};
  for (const CountedUpdate& update : counted_) commit.counted.push_back(update.site);
  for (const auto& [site, work] : at_work_)
    if (is_left_to_it(work.round, commit.round + 1)) commit.at_work.insert(work.round - 1);
  actions.emplace_back(std::move(commit));
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

void RoundMachine::hand_out(Actions& actions) {
  std::size_t taken = taken_places();
  for (const SiteId& site : in_turn())
    if (!asked_.contains(site)) taken += ask(site, taken, actions) ? 1 : 0;
}

// Who is asked first while places are few: whose update counted longest ago.
std::vector<SiteId> RoundMachine::in_turn() const {
  std::vector<SiteId> sites(ready_.begin(), ready_.end());
  if (config_.concurrency > 0)
    std::stable_sort(sites.begin(), sites.end(), [this](const SiteId& one, const SiteId& other) {
      return past_.of(one).last_round < past_.of(other).last_round;
    });
  return sites;
}

bool RoundMachine::ask(const SiteId& site, std::size_t taken, Actions& actions) {
  const StageTask& task = stage_->task();
  bool takes_place = false;
  Ask ask{.site = site, .version = task.version};
  const auto work = at_work_.find(site);
  if (work != at_work_.end() && work->second.round != task.round) {  // it goes on with an older version
    ask = {.site = site, .round = work->second.round, .version = work->second.round - 1, .train = true};
    ask.local_steps = work->second.local_steps;
  } else {
    if (is_to_train(site, taken)) {
      ask.round = task.round;
      ask.train = true;
      ask.local_steps = steps_for(past_.of(site), config_);
      takes_place = at_work_.insert_or_assign(site, Training{ask.round, ask.local_steps}).second;
    }
    const bool scores = ask.train || !config_.buffered() || task.round == 0 || stage_->judged(site) == task.round;
    if (scores && stage_->lacks_score(site)) ask.evaluate.push_back(task.split);
  }
  if (!ask.train && ask.evaluate.empty()) return false;
  asked_.insert(site);
  actions.emplace_back(std::move(ask));
  return takes_place;
}

bool RoundMachine::is_to_train(const SiteId& site, std::size_t taken) const {
  if (phase_ != Phase::round || !stage_->asks(site)) return false;
  if (at_work_.contains(site)) return true;
  if (!config_.buffered()) return stage_->lacks_update(site);
  const std::uint32_t judged = stage_->judged(site);
  return config_.concurrency == 0 ? judged != stage_->task().round : judged == 0 && taken < config_.concurrency;
}

// Places are for those that can still add to this round: what the others make comes into the next one, and until then
// they could keep all places to themselves.
std::size_t RoundMachine::taken_places() const {
  if (config_.concurrency == 0) return 0;
  return static_cast<std::size_t>(std::count_if(at_work_.begin(), at_work_.end(), [this](const auto& entry) {
    return ready_.contains(entry.first) && stage_->judged(entry.first) == 0;
  }));
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
    if (waiting.until == TimePoint::max())
      waiting.what += " (the deadline has passed with " + std::to_string(stage_->with(Stage::Update::admitted).size()) +
                      " of the " + std::to_string(stage_->task().quorum) + " that are the quorum)";
    const auto idle = [this](const SiteId& site) { return !at_work_.contains(site); };  // without a place
    if (config_.buffered() && !std::all_of(waiting.sites.begin(), waiting.sites.end(), idle))
      std::erase_if(waiting.sites, idle);
  } else {
    waiting.what = stage_->task().split == kTest ? "a test score" : "a validation score";
  }
  return waiting;
}

std::uint32_t RoundMachine::round() const { return phase_ == Phase::round ? stage_->task().round : 0; }

RoundMachine::Fate RoundMachine::fate_of(const SiteId& site, std::uint32_t round) const {
  const bool committing = phase_ == Phase::committing;
  const std::uint32_t open = version() + 1;  // or it is the one that is being committed
  if ((phase_ != Phase::round && !committing) || round == 0 || round > open) return Fate::late;
  if (!is_left_to_it(round, open)) return Fate::late;
  if (past_.of(site).versions.contains(round - 1)) return Fate::late;
  const auto counts = [&](const CountedUpdate& one) { return one.site == site && one.staleness == open - round; };
  if (committing ? std::any_of(counted_.begin(), counted_.end(), counts) : stage_->judged(site) == round)
    return Fate::late;
  // Until it is committed, the cohort may be drawn anew from another list; and who is not listed may be again.
  const bool listed = std::binary_search(sites_.begin(), sites_.end(), site);
  if (!listed || (!committing && round == open && !stage_->asks(site))) return Fate::later;
  if (!committing && stage_->judged(site) == 0 && !stage_->full()) return Fate::taken;
  return Fate::later;
}

std::optional<std::uint32_t> RoundMachine::steps_asked(const SiteId& site, std::uint32_t round) const {
  const auto work = at_work_.find(site);
  if (work == at_work_.end() || work->second.round != round) return std::nullopt;
  return work->second.local_steps;
}

}  // namespace weft::fl
