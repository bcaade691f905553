// The parts of a running coordinator and what connects them. Private to the coordinator: coordinator.cpp runs the loop
// and performs what the round machine decides, conversation.cpp answers the sites.
#pragma once
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/fl/round.h"
#include "coordinator/budget.h"
#include "coordinator/coordinator.h"
#include "coordinator/downloads.h"
#include "coordinator/run_store.h"
#include "coordinator/sessions.h"
#include "coordinator/uploads.h"

namespace weft::coordinator {

struct Coordinator::State {
  State(CoordinatorOptions given, net::ServerTransport& server, const Clock& time, telemetry::RunObserver& watcher);

  // The loop (coordinator.cpp).
  void start();
  std::optional<CoordinatorResult> step();
  TimePoint wake_at() const;
  void tick();
  void show_waiting();
  bool over() const;
  TimePoint told_by() const;

  // What changes while it runs (coordinator.cpp).
  void change_sites(std::vector<SiteId> sites);
  void shut_out(const SiteId& site);
  void take_next_sites();
  bool may_join(const SiteId& site) const;

  // What the round machine wants (coordinator.cpp).
  void feed(std::vector<fl::RoundAction> actions);
  std::vector<fl::RoundAction> perform(const fl::PutAside& aside);
  std::vector<fl::RoundAction> perform(const fl::BeginRound& begin);
  std::vector<fl::RoundAction> perform(const fl::Ask& ask);
  std::vector<fl::RoundAction> perform(const fl::CommitRound& commit);
  std::vector<fl::RoundAction> perform(const fl::FinishRun& finish);
  [[noreturn]] std::vector<fl::RoundAction> perform(const fl::FailRun& failed);
  RoundRow open_round_row(std::uint32_t round);
  void settle_rest();
  void show_overall(const std::vector<fl::SiteScore>& scores);
  void conclude();
  void tell_end(Session& session);

  // What sites say (conversation.cpp). An Error: the site broke the protocol, and its session ends.
  void on(const net::Connected& event);
  void on(const net::Received& event);
  void on(const net::Disconnected& event);
  Status on(Session& session, const wire::Hello& hello);
  Status on(Session& session, const wire::Ready& ready);
  Status on(Session& session, const wire::Decline& decline);
  Status on(Session& session, const wire::Fetch& fetch);
  Status on(Session& session, const wire::Chunk& chunk);
  Status on(Session& session, const wire::Ack& ack);
  Status on(Session& session, const wire::Metrics& metrics);
  Status on(Session& session, const wire::Progress& progress);
  Status on(Session& session, const wire::Offer& offer);
  Status on(Session& session, const wire::Ping& ping);
  // The base model, to sites that are not ready because they have none (base_model.cpp).
  Status on(Session& session, const wire::FetchBase& fetch);
  Status on(Session& session, const wire::FetchFile& fetch);
  Status acknowledge_base(Session& session, const wire::Ack& ack);
  void send_base(const std::vector<Outgoing>& messages);
  Budget& budget_of(const SiteId& site);
  void end_session(const Session& session, const fl::Refusal& refusal);
  void consider(Session& session, const wire::Offer& offer);
  Status dispatch(Session& session, const wire::Message& message);
  void admit(const SiteId& site, const Uploads::Done& done);
  void refuse_update(const SiteId& site, const wire::Offer& offer, const fl::Refusal& refusal);
  void settle_late(const SiteId& site, const wire::Offer& offer);
  void refuse_site(Session& session, const fl::Refusal& refusal);
  void take_held();
  void out(const SiteId& site, const std::string& reason);  // it takes no part until it is ready again
  void gone(const Session& session, const std::string& reason);
  void leave(const SiteId& site, const std::string& reason);
  void leave_places(const SiteId& site);
  void record(const SiteId& site, std::uint32_t round, const fl::Refusal& refusal);
  fl::Refusal put_aside() const;
  static fl::Refusal flood();
  static fl::Refusal unlisted(const SiteId& site);
  void send(const std::vector<Outgoing>& messages);

  CoordinatorOptions options;
  net::ServerTransport& transport;
  const Clock& clock;
  telemetry::RunObserver& observer;
  RunStore store;
  fl::RoundMachine machine;
  Sessions sessions;
  Uploads uploads;
  Downloads downloads;
  Downloads base_downloads;
  std::vector<SiteId> next_sites;                               // listed from the next round on; empty: as they are
  std::vector<SiteId> cohort;                                   // of the open round
  std::map<SiteId, std::map<std::uint32_t, wire::Offer>> held;  // for the next round, by the rounds they were made for
  bool held_due = false;                                        // a round has begun since
  std::map<SiteId, wire::Offer> admitted;                       // into the open round
  TimePoint round_began;
  net::Traffic counted;                   // traffic of the rounds before
  bool machine_moved = true;              // since that was shown
  TimePoint show_at{};                    // not before
  std::optional<fl::WaitingFor> waiting;  // as shown last
  std::optional<CoordinatorResult> result;
  TimePoint ended_at = TimePoint::max();
  std::map<std::pair<SiteId, fl::RefusalKind>, std::size_t> recorded;  // refusals, but for those of updates
  std::map<SiteId, Budget> budgets;        // of listed sites; what a site has spent outlives its sessions
  std::map<SiteId, std::string> refused;   // whose update of the open round, and why
  std::map<SiteId, std::string> declined;  // who takes no part, and why
  std::set<SiteId> untold;                 // who should hear of the end
};

}  // namespace weft::coordinator
