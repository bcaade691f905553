// The decisions of a run, from its first round to its result, as a pure state machine: events in, actions out. It owns
// no socket, clock, file or tensor; whoever drives it performs the actions in order and reports what came of them.
//
// A run: rounds 1..count, each: ask the cohort (score version round-1 on "validation", then train from it), wait until
// all of it is through or the deadline passed with a quorum, commit. A site is through when its score is in and its
// update was admitted or refused. When early stopping says so or the count is reached: all sites score the last version
// on "validation", then the best one on "test", each until all have answered or the deadline passed with one answer;
// then the run is finished.
// The best version is the one with the best validation value of the task's primary metric, over all sites; of equal
// ones that with the lower loss, then the earliest; and the last one when no site has validation examples.
// A deadline's clock starts when a quorum of those asked stands (is ready, or was heard of in this stage) and then runs
// on. Without a quorum at the deadline the round waits on and commits as soon as the quorum is there. The quorum counts
// admitted updates alone. A site whose update was refused, or that has declined the run, is not waited for while the
// others can make the quorum. When they cannot, the run fails: at once if it is for refused updates, and at the
// deadline if sites that declined might still come back. A site whose updates were refused in `max_refusals` committed
// rounds is put aside: from the next round on it is not among the run's sites any more. Every decision follows from the
// history (committed rounds and their scores), so a machine made from the ledger after a crash goes on exactly as the
// unbroken one.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/rng.h"
#include "common/fl/config.h"
#include "common/fl/score.h"
#include "common/fl/stage.h"

namespace weft::fl {

// Events.
struct SiteReady {  // it stands and may be asked; also after it came back
  SiteId site;
};
struct SiteGone {
  SiteId site;
};
struct SiteDeclined {  // it takes no part; SiteReady takes that back
  SiteId site;
};
struct Scored {
  SiteScore score;
};
struct UpdateAdmitted {  // it is in the accumulator
  SiteId site;
  std::uint32_t round = 0;
};
struct UpdateRefused {  // this site takes no further part in the round
  SiteId site;
  std::uint32_t round = 0;
};
struct RoundDurable {  // the commit asked for has survived
  std::uint32_t round = 0;
};
struct Tick {};  // the clock reached wake_at()
using RoundEvent =
    std::variant<SiteReady, SiteGone, SiteDeclined, Scored, UpdateAdmitted, UpdateRefused, RoundDurable, Tick>;

// What is durable when a machine is made.
struct History {
  std::uint32_t committed = 0;         // rounds
  std::vector<SiteScore> scores;       // of all versions, as they were committed
  std::vector<UpdateRefused> refused;  // also of a round that is still open; the same one may come twice
};

// Actions.
struct PutAside {  // it is asked nothing more in this run
  SiteId site;
};
struct BeginRound {
  std::uint32_t round = 0;
  std::vector<SiteId> cohort;  // ascending
};
struct Ask {  // what a site is to do next; replaces what it was asked before
  SiteId site;
  std::uint32_t round = 0;    // 0: nothing to train
  std::uint32_t version = 0;  // the adapter to start from or to score
  std::vector<std::string> evaluate;
  bool train = false;
};
struct CommitRound {  // make it durable, then report RoundDurable; updates that come meanwhile are late
  std::uint32_t round = 0;
  std::vector<SiteId> counted;    // ascending
  std::vector<SiteScore> scores;  // of version round-1, by site; become part of the history
};
struct FinishRun {  // the last action
  std::uint32_t best_version = 0;
  std::string reason;             // "all rounds are done", "no better validation accuracy for 3 rounds"
  std::vector<SiteScore> scores;  // of the last version on validation and the best on test
};
struct FailRun {  // instead of that: the round cannot reach its quorum. What was committed stands
  std::uint32_t round = 0;
  std::size_t quorum = 0;                 // admitted updates that it needs
  std::vector<SiteId> refused, declined;  // of its cohort, ascending
};
using RoundAction = std::variant<PutAside, BeginRound, Ask, CommitRound, FinishRun, FailRun>;

// For whom the run waits, and until when.
struct WaitingFor {
  std::string what;  // "an update", "a validation score", "a test score", "sites to join"
  std::vector<SiteId> sites;
  TimePoint until = TimePoint::max();
};

class RoundMachine {
 public:
  // `metric`: what decides (a name in the tables of metrics). `sites`: all that may join; not empty.
  RoundMachine(const RoundsConfig& config, std::string metric, std::vector<SiteId> sites, const Rng& rng,
               const History& history = {});
  std::vector<RoundAction> start(TimePoint now);  // once
  // An event about an unknown site, another round or a version not asked for changes nothing.
  std::vector<RoundAction> on(const RoundEvent& event, TimePoint now);
  TimePoint wake_at() const;  // when to send a Tick; TimePoint::max(): never
  std::optional<WaitingFor> waiting() const;

  std::uint32_t round() const;  // the one that takes updates; 0 when none does
  std::uint32_t version() const { return committed_; }
  bool put_aside(const SiteId& site) const { return aside_.contains(site); }
  // Whether an update of `site` for `round` would be taken now.
  bool wants_update(const SiteId& site, std::uint32_t round) const;

 private:
  using Actions = std::vector<RoundAction>;
  enum class Phase { idle, round, committing, last, best, finished };

  void handle(const SiteReady& event, Actions& actions);
  void handle(const SiteGone& event, Actions& actions);
  void handle(const SiteDeclined& event, Actions& actions);
  void handle(const Scored& event, Actions& actions);
  void handle(const UpdateAdmitted& event, Actions& actions);
  void handle(const UpdateRefused& event, Actions& actions);
  void handle(const RoundDurable& event, Actions& actions);
  void handle(const Tick&, Actions&) {}
  void settle(TimePoint now, Actions& actions);
  void go_on(Actions& actions);
  void put_aside(Actions& actions);
  std::vector<SiteId> standing() const;
  void begin_round(Actions& actions);
  void begin(Phase phase, StageTask task, const std::vector<SiteId>& members, Actions& actions);
  void close(Actions& actions);
  void fail(Actions& actions);
  void ask(const SiteId& site, Actions& actions) const;
  std::string stop_reason() const;

  RoundsConfig config_;
  std::string metric_;
  std::vector<SiteId> sites_;  // ascending
  Rng rng_;
  std::uint32_t committed_ = 0;
  VersionValues validation_;  // of the versions before that; all that the decisions need of the history
  std::map<SiteId, std::set<std::uint32_t>> refused_;  // rounds in which its update was refused
  std::set<SiteId> aside_;
  Phase phase_ = Phase::idle;
  std::optional<Stage> stage_;  // in the phases round, last and best
  std::set<SiteId> ready_, declined_;
  std::vector<SiteScore> pending_;  // of the round that is being committed, then of the last version
};

}  // namespace weft::fl
