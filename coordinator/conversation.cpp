// What sites say, and what they are answered.
#include <algorithm>
#include <cmath>

#include "common/base/log.h"
#include "common/fl/admission.h"
#include "coordinator/state.h"

namespace weft::coordinator {
namespace {

constexpr std::size_t kMaxRecorded = 100;  // refusals of one site and kind by this process

Error no(const std::string& what) { return {what}; }

template <class Kind, class... Kinds>
constexpr bool is_one_of = (std::is_same_v<Kind, Kinds> || ...);

// Whether a site that got so far may say this now.
template <class Kind>
bool fits(Session::Stage stage) {
  using Stage = Session::Stage;
  if constexpr (is_one_of<Kind, wire::Ping, wire::Decline>) return true;
  if constexpr (is_one_of<Kind, wire::Progress>) return stage != Stage::connected;
  if constexpr (is_one_of<Kind, wire::Hello>) return stage == Stage::connected;
  if constexpr (is_one_of<Kind, wire::Ready, wire::FetchBase, wire::FetchFile>) return stage == Stage::welcomed;
  return stage == Stage::ready || (is_one_of<Kind, wire::Ack> && stage == Stage::welcomed);
}

// Nullopt: these scores can be of that site.
std::optional<std::string> implausible(const wire::Metrics& metrics, const Session& session,
                                       const metrics::Scheme& scheme) {
  const auto examples = session.examples.find(metrics.split);
  const std::uint64_t expected = examples == session.examples.end() ? 0 : examples->second;
  if (metrics.examples != expected)
    return "scores of " + std::to_string(metrics.examples) + " " + metrics.split + " examples, expected " +
           std::to_string(expected) + " (as the site said when it joined)";
  return metrics::fault_of(metrics.tally, scheme, metrics.examples);
}

}  // namespace

void Coordinator::State::on(const net::Connected& event) {
  if (Session* older = sessions.of(event.site)) {
    const std::string reason =
        "replaced by a newer session of this site; unless it has just come back, somebody else has its certificate";
    sessions.send(*older, wire::Refused{.reason = reason, .permanent = false});
    const Session last = *older;
    sessions.disconnect(last.id);
    gone(last, reason);
  }
  sessions.add(event);
}

void Coordinator::State::on(const net::Disconnected& event) {
  const Session* session = sessions.find(event.session);
  if (session == nullptr) return;
  const Session last = *session;
  sessions.remove(event.session);
  gone(last, event.reason);
}

// The session is no longer among the sessions.
void Coordinator::State::gone(const Session& session, const std::string& reason) {
  if (session.stage == Session::Stage::welcomed && !result)
    log::info("site \"" + session.site.name + "\" left before it was ready (" + reason + "); its own log says why");
  log::debug("session of site \"" + session.site.name + "\" ended: " + reason);
  send_base(base_downloads.drop(session.site, clock.now()));
  if (result && session.stage != Session::Stage::connected) untold.erase(session.site);
  if (session.stage == Session::Stage::ready) leave(session.site, reason);
}

void Coordinator::State::leave(const SiteId& site, const std::string& reason) {
  if (result) return;  // once the run has ended, all sites leave
  observer.on(telemetry::SiteLeft{site.name, reason});
  leave_places(site);
  feed(machine.on(fl::SiteGone{site}, clock.now()));
}

void Coordinator::State::leave_places(const SiteId& site) {
  held.erase(site);
  send(uploads.away(site, clock.now()));
  send(downloads.drop(site, clock.now()));
}

void Coordinator::State::on(const net::Received& event) {
  Session* session = sessions.find(event.session);
  if (session == nullptr) return;  // it was ended while this was on its way
  Budget& budget = budget_of(session->site);
  const bool greets = session->stage == Session::Stage::connected;
  const bool allowed = greets ? budget.begin_session(clock.now()) : budget.spend(1, clock.now());
  if (!allowed) return end_session(*session, flood());
  const Result<wire::Message> message = wire::decode(event.message);
  const Status fine = message ? dispatch(*session, message.value()) : Status(message.error());
  if (!fine) end_session(*session, {fl::RefusalKind::protocol, "broke the protocol: " + fine.error().message});
}

Budget& Coordinator::State::budget_of(const SiteId& site) {
  return budgets.try_emplace(site, 1 + store.payload_bytes() / wire::kChunkBytes).first->second;
}

void Coordinator::State::end_session(const Session& session, const fl::Refusal& refusal) {
  const Session last = session;
  if (recorded[{last.site, refusal.kind}] < kMaxRecorded)
    log::warn("site \"" + last.site.name + "\" " + refusal.reason);
  record(last.site, machine.round(), refusal);
  if (Session* there = sessions.find(last.id))
    sessions.send(*there, wire::Refused{.reason = refusal.reason, .permanent = false});
  sessions.disconnect(last.id);
  gone(last, refusal.reason);
}

Status Coordinator::State::dispatch(Session& session, const wire::Message& message) {
  const auto unexpected = [&] { return no(std::string(wire::name_of(message)) + " was not expected now"); };
  return std::visit(
      [&](const auto& each) -> Status {
        using Kind = std::decay_t<decltype(each)>;
        if constexpr (requires { on(session, each); }) {
          if (!fits<Kind>(session.stage)) return unexpected();
          return on(session, each);
        } else {
          return unexpected();
        }
      },
      message);
}

// Whoever leaves the list is still of the round that is open.
bool Coordinator::State::may_join(const SiteId& site) const {
  const auto in = [&](const std::vector<SiteId>& list) {
    return std::find(list.begin(), list.end(), site) != list.end();
  };
  return in(options.sites) || in(next_sites);
}

Status Coordinator::State::on(Session& session, const wire::Hello& hello) {
  if (!may_join(session.site)) {
    refuse_site(session, unlisted(session.site));
    return Ok{};
  }
  if (machine.put_aside(session.site) && !result) {
    refuse_site(session, put_aside());
    return Ok{};
  }
  if (hello.protocol != wire::kProtocolVersion) {
    refuse_site(session,
                {fl::RefusalKind::protocol,
                 "protocol: got " + std::to_string(hello.protocol) + " (weft " + hello.weft_version + "), expected " +
                     std::to_string(wire::kProtocolVersion) + "; install the coordinator's version of weft"});
    return Ok{};
  }
  session.stage = Session::Stage::welcomed;
  sessions.send(session, wire::Welcome{.run = store.facts().run,
                                       .run_id = store.facts().run_id,
                                       .settings = options.settings,
                                       .base_digest = store.facts().base_digest});
  if (result) tell_end(session);
  return Ok{};
}

Status Coordinator::State::on(Session& session, const wire::Ready& ready) {
  if (ready.base_digest != store.facts().base_digest) {
    refuse_site(session,
                {fl::RefusalKind::base_model, "base model digest: got " + ready.base_digest + ", expected " +
                                                  store.facts().base_digest + "; give the site the same base model"});
    return Ok{};
  }
  if (ready.manifest_digest != store.facts().manifest_digest) {
    refuse_site(session, {fl::RefusalKind::layout, "adapter manifest digest: got " + ready.manifest_digest +
                                                       ", expected " + store.facts().manifest_digest +
                                                       "; use the same version of weft and the same base model"});
    return Ok{};
  }
  for (const auto& [split, count] : ready.examples)
    if (count > options.aggregation.max_examples) {
      refuse_site(session, {fl::RefusalKind::examples, split + " examples: got " + std::to_string(count) + ", limit " +
                                                           std::to_string(options.aggregation.max_examples) +
                                                           " (aggregation.max_examples)"});
      return Ok{};
    }
  send_base(base_downloads.drop(session.site, clock.now()));
  session.stage = Session::Stage::ready;
  session.examples = ready.examples;
  declined.erase(session.site);
  observer.on(telemetry::SiteJoined{session.site.name, ready.examples});
  if (result) return Ok{};
  const SiteId site = session.site;
  const bool may_go_on = ready.training > 0 && store.keeps(ready.training - 1);
  feed(machine.on(fl::SiteReady{site, may_go_on ? ready.training : 0}, clock.now()));
  // Who is asked nothing offers what it has, too: an update of an earlier round may still count.
  if (Session* there = sessions.of(site); there != nullptr && there->work.adapter_digest.empty()) {
    const VersionFile& newest = store.version_file(store.version());
    there->work = {
        .version = store.version(), .adapter_digest = newest.payload_digest(), .adapter_bytes = store.payload_bytes()};
    sessions.send(*there, there->work);
  }
  return Ok{};
}

Status Coordinator::State::on(Session& session, const wire::Decline& decline) {
  if (session.stage == Session::Stage::connected) return no("Decline was not expected now");
  const Session last = session;
  send_base(base_downloads.drop(last.site, clock.now()));
  const std::string reason = "declined: " + decline.reason;
  record(last.site, machine.round(), {fl::RefusalKind::declined, reason});
  sessions.disconnect(last.id);
  untold.erase(last.site);
  leave(last.site, reason);
  out(last.site, reason);
  return Ok{};
}

void Coordinator::State::out(const SiteId& site, const std::string& reason) {
  declined[site] = reason;
  if (!result) feed(machine.on(fl::SiteDeclined{site}, clock.now()));
}

Status Coordinator::State::on(Session& session, const wire::Fetch& fetch) {
  if (session.work.adapter_digest.empty() || fetch.version != session.work.version)
    return Ok{};  // asked otherwise since
  if (fetch.offset >= store.payload_bytes())
    return no("Fetch from offset " + std::to_string(fetch.offset) + " of " + std::to_string(store.payload_bytes()));
  if (!budget_of(session.site).spend(Budget::kFetch - 1, clock.now())) {
    end_session(session, flood());
    return Ok{};
  }
  send(downloads.fetch(session.site, store.version_file(fetch.version).payload(), session.work.adapter_digest,
                       fetch.offset, clock.now()));
  return Ok{};
}

Status Coordinator::State::on(Session& session, const wire::Ack& ack) {
  if (session.stage == Session::Stage::welcomed) return acknowledge_base(session, ack);
  const Result<std::vector<Outgoing>> out = downloads.ack(session.site, ack, clock.now());
  if (!out) return out.error();
  send(out.value());
  return Ok{};
}

Status Coordinator::State::on(Session& session, const wire::Metrics& metrics) {
  if (const auto reason = implausible(metrics, session, options.scheme)) return no(*reason);
  auto& asked = session.work.evaluate;
  const auto split = std::find(asked.begin(), asked.end(), metrics.split);
  if (metrics.version != session.work.version || split == asked.end())
    return Ok{};  // answered, or asked otherwise since
  asked.erase(split);
  observer.on(telemetry::SiteScored{.site = session.site.name,
                                    .split = metrics.split,
                                    .version = metrics.version,
                                    .examples = metrics.examples,
                                    .tally = metrics.tally,
                                    .primary = options.scheme.primary});
  feed(machine.on(fl::Scored{{session.site, metrics.version, metrics.split, metrics.examples, metrics.tally}},
                  clock.now()));
  return Ok{};
}

Status Coordinator::State::on(Session& session, const wire::Progress& progress) {
  observer.on(telemetry::SiteProgress{session.site.name, progress.stage, progress.done, progress.total,
                                      progress.tokens_per_second});
  return Ok{};
}

Status Coordinator::State::on(Session&, const wire::Ping&) { return Ok{}; }

Status Coordinator::State::on(Session& session, const wire::Offer& offer) {
  consider(session, offer);
  return Ok{};
}

void Coordinator::State::consider(Session& session, const wire::Offer& offer) {
  const SiteId site = session.site;  // its session may end below
  if (const auto settled = store.settled(site, offer.round, offer.digest)) {
    sessions.send(session, *settled);
    return;
  }
  const UpdateRow* added = store.added(site);
  if (added != nullptr && added->digest == offer.digest && offer.round + added->staleness == machine.round()) {
    // All is here; it is settled when the round is committed.
    sessions.send(session, wire::Resume{offer.digest, offer.bytes});
    return;
  }
  const fl::RoundMachine::Fate fate = machine.fate_of(site, offer.round);
  if (fate == fl::RoundMachine::Fate::late) {
    settle_late(site, offer);
    return;
  }
  const wire::Offer* coming = uploads.offered(site);
  const bool one_first = coming != nullptr && coming->digest != offer.digest && coming->round != offer.round;
  if (fate == fl::RoundMachine::Fate::later || one_first) {
    held[site][offer.round] = offer;
    return;
  }
  const auto examples = session.examples.find("train");
  fl::Expected expected{.round = offer.round,
                        .version = offer.round - 1,
                        .bytes = store.payload_bytes(),
                        .examples = examples == session.examples.end() ? 0 : examples->second};
  if (options.aggregation.method == "fednova") {
    const std::uint32_t asked = machine.steps_asked(site, offer.round).value_or(0);
    expected.least_steps = asked > 0 ? asked : fl::least_steps(options.rounds);
    expected.most_steps = asked > 0 ? asked : options.rounds.local_steps;
  }
  const auto steps = offer.values.find("steps");
  const fl::Claim claim{.round = offer.round,
                        .version = offer.version,
                        .bytes = offer.bytes,
                        .examples = offer.examples,
                        .steps = steps == offer.values.end() ? std::nullopt : std::optional(steps->second)};
  if (const auto reason = fl::refusal(claim, expected, options.aggregation)) {
    refuse_update(site, offer, *reason);
    return;
  }
  send(uploads.offer(site, offer, clock.now()));
}

Status Coordinator::State::on(Session& session, const wire::Chunk& chunk) {
  Uploads::Outcome outcome = uploads.chunk(session.site, chunk, clock.now());
  send(outcome.out);
  if (outcome.done) admit(session.site, *outcome.done);
  if (outcome.wrong && !machine.wants_update(session.site, outcome.wrong->round))
    settle_late(session.site, *outcome.wrong);
  else if (outcome.wrong)
    refuse_update(session.site, *outcome.wrong, {fl::RefusalKind::digest, outcome.problem});
  else if (!outcome.problem.empty())
    return no(outcome.problem);
  return Ok{};
}

void Coordinator::State::admit(const SiteId& site, const Uploads::Done& done) {
  const wire::Offer& offer = done.offer;
  const fl::RoundMachine::Fate fate = machine.fate_of(site, offer.round);
  if (fate == fl::RoundMachine::Fate::late) return settle_late(site, offer);
  if (fate == fl::RoundMachine::Fate::later) {  // it is sent again then; rare, for what comes later is not sent first
    held[site][offer.round] = offer;
    return;
  }
  if (const auto no = fl::refusal(done.values, store.median_norm(), options.aggregation))
    return refuse_update(site, offer, *no);
  const UpdateRow row{.site = site,
                      .digest = offer.digest,
                      .examples = offer.examples,
                      .values = offer.values,
                      .norm = done.values.norm(),
                      .staleness = machine.round() - offer.round};
  store.add(row, *done.payload);
  admitted[site] = offer;
  telemetry::UpdateAccepted accepted{offer.round, site.name, offer.examples, offer.values};
  accepted.values.erase(telemetry::kStaleness);  // a site cannot say that
  if (row.staleness > 0) accepted.values[telemetry::kStaleness] = row.staleness;
  observer.on(accepted);
  feed(machine.on(fl::UpdateAdmitted{site, offer.round, counted_of(row)}, clock.now()));
}

// Offers that came too early for the round that was open then.
void Coordinator::State::take_held() {
  for (const auto& [site, offers] : std::exchange(held, {}))
    for (const auto& [round, offer] : offers)
      if (Session* session = sessions.of(site); session != nullptr && session->stage == Session::Stage::ready)
        consider(*session, offer);
}

void Coordinator::State::refuse_update(const SiteId& site, const wire::Offer& offer, const fl::Refusal& refusal) {
  record(site, offer.round, refusal);
  refused[site] = refusal.reason;
  observer.on(telemetry::UpdateRefused{offer.round, site.name, refusal.reason});
  sessions.send(
      site,
      wire::Settled{.round = offer.round, .digest = offer.digest, .verdict = "refused", .reason = refusal.reason});
  feed(machine.on(fl::UpdateRefused{site, offer.round}, clock.now()));
}

void Coordinator::State::settle_late(const SiteId& site, const wire::Offer& offer) {
  const std::string reason =
      "late: an update for round " + std::to_string(offer.round) + ", " +
      (machine.round() == 0 ? "no round is open"
                            : "open is round " + std::to_string(machine.round()) +
                                  (machine.round() == offer.round ? ", which takes none of this site any more" : ""));
  const auto kind = machine.round() == offer.round ? fl::RefusalKind::repeated : fl::RefusalKind::late;
  record(site, offer.round, {kind, reason});
  sessions.send(site, wire::Settled{.round = offer.round, .digest = offer.digest, .verdict = "late", .reason = reason});
}

void Coordinator::State::refuse_site(Session& session, const fl::Refusal& refusal) {
  const SiteId site = session.site;
  record(site, 0, refusal);
  observer.on(telemetry::SiteLeft{site.name, "refused: " + refusal.reason});
  sessions.send(session, wire::Refused{.reason = refusal.reason, .permanent = true});
  sessions.disconnect(session.id);
  send_base(base_downloads.drop(site, clock.now()));
  leave_places(site);
  out(site, "refused: " + refusal.reason);
}

fl::Refusal Coordinator::State::flood() {
  return {fl::RefusalKind::flood, "flood: it says more than it was asked for"};
}

fl::Refusal Coordinator::State::unlisted(const SiteId& site) {
  return {fl::RefusalKind::unlisted, "site \"" + site.name +
                                         "\" is not listed in the run file (sites:); ask whoever runs the coordinator "
                                         "to add it there, and start the worker again"};
}

fl::Refusal Coordinator::State::put_aside() const {
  return {fl::RefusalKind::put_aside, "put aside: its updates were refused in " +
                                          std::to_string(options.rounds.max_refusals) +
                                          " rounds (rounds.max_refusals); mend this site for the next run"};
}

// A site cannot fill the disk by being wrong. Its updates for a round are refused once at most, and count.
void Coordinator::State::record(const SiteId& site, std::uint32_t round, const fl::Refusal& refusal) {
  const bool counts = fl::is_of_update(refusal.kind) && round != 0;
  const std::size_t count = counts ? 0 : ++recorded[{site, refusal.kind}];
  if (count > kMaxRecorded) return;
  const char* end = count == kMaxRecorded ? " (further ones of this site and kind are not recorded)" : "";
  store.ledger().refuse({store.utc_now(), round, site, fl::name_of(refusal.kind), refusal.reason + end});
}

void Coordinator::State::send(const std::vector<Outgoing>& messages) {
  for (const Outgoing& each : messages) sessions.send(each.site, each.message);
}

}  // namespace weft::coordinator
