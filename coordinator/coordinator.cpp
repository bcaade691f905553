// The loop, and the round machine's actions made real.
#include "coordinator/coordinator.h"

#include <algorithm>

#include "common/base/log.h"
#include "coordinator/state.h"

namespace weft::coordinator {
namespace {

constexpr Milliseconds kTellTime{2'000};     // for sites that are connected when the run ends
constexpr Milliseconds kTellUntold{30'000};  // for sites that must hear of it, and are not connected or do not answer
constexpr Milliseconds kShowEvery{250};      // what the run waits for

std::vector<std::string> names_of(const std::vector<SiteId>& sites) {
  std::vector<std::string> names;
  for (const SiteId& site : sites) names.push_back(site.name);
  return names;
}

bool same(const std::optional<fl::WaitingFor>& a, const std::optional<fl::WaitingFor>& b) {
  if (!a || !b) return !a && !b;
  return a->what == b->what && a->sites == b->sites && a->until == b->until;
}

}  // namespace

Coordinator::Coordinator(CoordinatorOptions options, net::ServerTransport& transport, const Clock& clock,
                         telemetry::RunObserver& observer)
    : state_(std::make_unique<State>(std::move(options), transport, clock, observer)) {}
Coordinator::~Coordinator() = default;

CoordinatorResult Coordinator::run(const std::stop_token& stop, const std::function<void()>& between) {
  const std::stop_callback wake(stop, [this] { state_->transport.wake(); });
  start();
  while (!stop.stop_requested()) {
    if (between) between();
    if (const auto result = step()) return *result;
  }
  return {.finished = false, .reason = "stopped; --resume goes on"};
}

void Coordinator::start() { state_->start(); }
std::optional<CoordinatorResult> Coordinator::step() { return state_->step(); }
TimePoint Coordinator::wake_at() const { return state_->wake_at(); }
void Coordinator::change_sites(std::vector<SiteId> sites) { state_->change_sites(std::move(sites)); }
void Coordinator::shut_out(const SiteId& site) { state_->shut_out(site); }

Coordinator::State::State(CoordinatorOptions given, net::ServerTransport& server, const Clock& time,
                          telemetry::RunObserver& watcher)
    : options(std::move(given)),
      transport(server),
      clock(time),
      observer(watcher),
      store(options, time),
      machine(options.rounds, options.scheme.primary, options.sites, Rng(options.seed), store.take_history()),
      sessions(server, time),
      uploads(upload_places(options.transfer_bytes, store.payload_bytes()), options.stall_timeout, *options.disk,
              RunFolder(options.folder).incoming()),
      downloads(download_places(options.transfer_bytes, store.payload_bytes()), options.stall_timeout),
      base_downloads(kBasePlaces, options.stall_timeout),
      round_began(time.now()) {
  store.while_busy = [this] {
    sessions.ping();
    transport.mind();
  };
  WEFT_CHECK(options.base_files.empty() || base_digest(options.base_files) == options.base_digest,
             "the files that are handed out are those of the run's base model");
}

void Coordinator::State::start() {
  if (store.resumed())
    log::info("run \"" + store.facts().run + "\" goes on: " + std::to_string(store.version()) + " of " +
              std::to_string(options.rounds.count) + " rounds are committed");
  else if (options.resume)
    log::warn(options.folder.string() + " held no run yet: \"" + store.facts().run + "\" begins there");
  if (!store.ledger().end()) return feed(machine.start(clock.now()));
  if (!store.ledger().sites_told()) untold.insert(options.sites.begin(), options.sites.end());
  conclude();
}

std::optional<CoordinatorResult> Coordinator::State::step() {
  if (!over()) {
    show_waiting();
    if (const std::optional<net::ServerEvent> event = transport.receive(wake_at()))
      std::visit([this](const auto& each) { on(each); }, *event);
    tick();
  }
  if (!over()) return std::nullopt;
  if (untold.empty()) store.ledger().told_sites();
  return result;
}

TimePoint Coordinator::State::wake_at() const {
  return std::min({machine.wake_at(), uploads.wake_at(), downloads.wake_at(), base_downloads.wake_at(),
                   sessions.ping_due(), told_by(), machine_moved ? show_at : TimePoint::max()});
}

void Coordinator::State::tick() {
  const TimePoint now = clock.now();
  if (now >= machine.wake_at()) feed(machine.on(fl::Tick{}, now));
  if (std::exchange(held_due, false)) take_held();
  send(uploads.tick(now));
  send(downloads.tick(now));
  send_base(base_downloads.tick(now));
  sessions.ping();
}

// When to stop waiting for sites to hear of the end.
TimePoint Coordinator::State::told_by() const {
  return result ? ended_at + (untold.empty() ? kTellTime : kTellUntold) : TimePoint::max();
}

bool Coordinator::State::over() const {
  return result && ((untold.empty() && sessions.all().empty()) || clock.now() >= told_by());
}

// Not after every event: with many sites they are many, and so are the names.
void Coordinator::State::show_waiting() {
  if (!machine_moved || clock.now() < show_at) return;
  machine_moved = false;
  show_at = clock.now() + kShowEvery;
  std::optional<fl::WaitingFor> next = machine.waiting();
  if (same(next, waiting)) return;
  waiting = std::move(next);
  if (!waiting) return;
  telemetry::Waiting shown{.sites = names_of(waiting->sites), .what = waiting->what};
  if (waiting->until != TimePoint::max())
    shown.seconds_left = std::chrono::duration<double>(waiting->until - clock.now()).count();
  observer.on(shown);
}

void Coordinator::State::feed(std::vector<fl::RoundAction> actions) {
  machine_moved = true;
  std::deque<fl::RoundAction> pending(actions.begin(), actions.end());
  while (!pending.empty()) {
    const fl::RoundAction action = std::move(pending.front());
    pending.pop_front();
    const auto more = std::visit([this](const auto& each) { return perform(each); }, action);
    pending.insert(pending.end(), more.begin(), more.end());
  }
}

std::vector<fl::RoundAction> Coordinator::State::perform(const fl::PutAside& aside) {
  if (Session* session = sessions.of(aside.site)) {
    refuse_site(*session, put_aside());
  } else {
    record(aside.site, 0, put_aside());
    observer.on(telemetry::SiteLeft{aside.site.name, put_aside().reason});
  }
  return machine.on(fl::SiteGone{aside.site}, clock.now());
}

void Coordinator::State::change_sites(std::vector<SiteId> sites) {
  if (result) return;  // nobody is asked any more
  store.check_sites(sites.size());
  next_sites = sites;
  feed(machine.on(fl::SitesChanged{std::move(sites)}, clock.now()));
}

void Coordinator::State::shut_out(const SiteId& site) {
  const std::string reason = "its certificate was revoked";
  record(site, machine.round(), {fl::RefusalKind::revoked, reason});
  admitted.erase(site);
  declined[site] = reason;
  if (!result) feed(machine.on(fl::SiteRevoked{site}, clock.now()));
  if (const Session* session = sessions.of(site)) {
    const Session last = *session;
    sessions.disconnect(last.id);
    gone(last, reason);
  }
}

// The machine asks whom it knows from now on.
void Coordinator::State::take_next_sites() {
  if (next_sites.empty()) return;
  options.sites = std::exchange(next_sites, {});
  store.expect_sites(options.sites.size());
  std::vector<net::SessionId> leaving;
  for (const auto& [id, session] : sessions.all())
    if (!may_join(session.site)) leaving.push_back(id);
  for (const net::SessionId id : leaving) refuse_site(*sessions.find(id), unlisted(sessions.find(id)->site));
}

std::vector<fl::RoundAction> Coordinator::State::perform(const fl::BeginRound& begin) {
  if (store.forget_added())  // it begins anew: what was in is asked for once more
    for (auto& [site, offer] : admitted) held[site][offer.round] = std::move(offer);
  admitted.clear();
  take_next_sites();
  cohort = begin.cohort;
  refused.clear();
  round_began = clock.now();
  held_due = true;
  // Who is not left to its work on an older version is asked anew, or not at all: that version's file may be gone. In a
  // round that is opened anew the version is the same, and who fetches it goes on.
  for (auto& [id, session] : sessions.all()) {
    if (std::binary_search(begin.at_work.begin(), begin.at_work.end(), session.site)) continue;
    const wire::Work before = std::exchange(session.work, {});
    if (before.version == store.version())
      session.work = {.version = before.version, .adapter_digest = before.adapter_digest};
    else
      send(downloads.drop(session.site, round_began));
  }
  observer.on(
      telemetry::RoundStarted{.round = begin.round, .of = options.rounds.count, .cohort = names_of(begin.cohort)});
  return {};
}

std::vector<fl::RoundAction> Coordinator::State::perform(const fl::Ask& ask) {
  Session* session = sessions.of(ask.site);
  if (session == nullptr || session->stage != Session::Stage::ready) return {};
  const std::string before = session->work.adapter_digest;
  session->work = {.round = ask.round,
                   .version = ask.version,
                   .adapter_digest = store.version_file(ask.version).payload_digest(),
                   .adapter_bytes = store.payload_bytes(),
                   .evaluate = ask.evaluate,
                   .train = ask.train,
                   .local_steps = ask.local_steps};
  if (session->work.adapter_digest != before) send(downloads.drop(ask.site, clock.now()));
  budget_of(ask.site).work_was_sent(ask.round, ask.version, clock.now());
  sessions.send(*session, session->work);
  return {};
}

RoundRow Coordinator::State::open_round_row(std::uint32_t round) {
  const net::Traffic traffic = transport.traffic();
  RoundRow row{.round = round,
               .cohort = cohort,
               .seconds = std::chrono::duration<double>(clock.now() - round_began).count(),
               .bytes_up = traffic.received - counted.received,
               .bytes_down = traffic.sent - counted.sent};
  counted = traffic;
  return row;
}

std::vector<fl::RoundAction> Coordinator::State::perform(const fl::CommitRound& commit) {
  const RoundRow row = store.commit(open_round_row(commit.round), commit.scores, commit.at_work);
  telemetry::RoundCommitted committed{.round = row.round,
                                      .of = options.rounds.count,
                                      .loss = row.loss,
                                      .seconds = row.seconds,
                                      .bytes_up = row.bytes_up,
                                      .bytes_down = row.bytes_down,
                                      .adapter_digest = row.adapter_digest};
  for (const UpdateRow& update : row.updates) {
    sessions.send(update.site, store.settled(update.site, row.round - update.staleness, update.digest).value());
    committed.counted.push_back(update.site.name);
  }
  const std::vector<fl::RoundAction> next = machine.on(fl::RoundDurable{row.round}, clock.now());
  settle_rest();
  take_next_sites();
  if (options.at_step) options.at_step("settled");
  observer.on(committed);
  show_overall(commit.scores);
  return next;
}

// Updates that were on their way when the round closed without them, and that no later round will take.
void Coordinator::State::settle_rest() {
  const auto late = [this](const SiteId& site, std::uint32_t round) {
    return machine.fate_of(site, round) == fl::RoundMachine::Fate::late;
  };
  std::vector<SiteId> dropped;
  for (const auto& [site, offer] : uploads.open()) {
    if (!late(site, offer.round)) continue;
    settle_late(site, offer);
    dropped.push_back(site);
  }
  send(uploads.drop(dropped, clock.now()));
  uploads.drop_unclaimed();
  for (auto& [site, offers] : held)
    std::erase_if(offers, [&, who = site](const auto& offer) {
      if (!late(who, offer.first)) return false;
      settle_late(who, offer.second);
      return true;
    });
}

std::vector<fl::RoundAction> Coordinator::State::perform(const fl::FinishRun& finish) {
  store.end(finish);
  show_overall(finish.scores);
  conclude();
  return {};
}

std::vector<fl::RoundAction> Coordinator::State::perform(const fl::FailRun& failed) {
  std::string text = "round " + std::to_string(failed.round) + " cannot reach its quorum of " +
                     std::to_string(failed.quorum) + " admitted updates (rounds.quorum)";
  for (const SiteId& site : failed.refused)
    text += "; the update of site \"" + site.name + "\" was refused: " + refused[site];
  for (const SiteId& site : failed.declined) text += "; site \"" + site.name + "\" takes no part: " + declined[site];
  for (const SiteId& site : failed.aside) text += "; site \"" + site.name + "\" is put aside: " + put_aside().reason;
  throw Failure(
      text +
      "; mend these sites, or take them off sites: in the run file, and go on with --resume; or begin a run with a "
      "lower rounds.quorum");
}

// What all sites together say of each version and split among these.
void Coordinator::State::show_overall(const std::vector<fl::SiteScore>& scores) {
  std::set<std::pair<std::uint32_t, std::string>> scored;
  for (const fl::SiteScore& score : scores)
    if (scored.emplace(score.version, score.split).second)
      if (const auto all = fl::overall(scores, score.version, score.split))
        observer.on(telemetry::VersionScored{.split = score.split,
                                             .version = score.version,
                                             .examples = all->examples,
                                             .tally = all->tally,
                                             .primary = options.scheme.primary});
}

// The run's end is durable: writes what people want of it, and tells whoever is there.
void Coordinator::State::conclude() {
  const std::string digest = store.write_result();
  const EndRow end = store.ledger().end().value();
  result = {.finished = true, .best_version = end.best_version, .adapter_digest = digest, .reason = end.reason};
  observer.on(telemetry::RunFinished{end.best_version, end.reason, digest, store.ledger().refusals_by_kind()});
  ended_at = clock.now();
  if (!untold.empty()) log::info("the run has ended; waiting for its sites to hear of it");
  if (!store.ledger().sites_told())
    for (const SiteId& site : options.sites)
      if (store.counted_last(site)) untold.insert(site);
  for (auto& [id, session] : sessions.all())
    if (session.stage != Session::Stage::connected) tell_end(session);
}

// A site that was away since the last commit offers nothing any more: it is told of that too, for its receipt.
void Coordinator::State::tell_end(Session& session) {
  if (const auto settled = store.last_settled(session.site)) sessions.send(session, *settled);
  sessions.send(session, wire::Finished{result->best_version, result->reason});
}

}  // namespace weft::coordinator
