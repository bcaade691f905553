// The decisions of a run, from its first round to its result, as a pure state machine: events in, actions out. It owns
// no socket, clock, file or tensor; whoever drives it performs the actions in order and reports what came of them.
//
// A run: rounds 1..count, each: ask the cohort (score version round-1 on "validation", then train from it), wait until
// all of it is through, or as many as the round wants, or the deadline passed with a quorum, commit. A site is through
// when its score is in and its update was admitted or refused. When early stopping says so or the count is reached: all
// sites score the last version on "validation", then the best one on "test", each until all have answered or the
// deadline passed with one answer; then the run is finished.
// The best version is the one with the best validation value of the task's primary metric, over all sites; of equal
// ones that with the lower loss, then the earliest; and the last one when no site has validation examples.
// A deadline's clock starts when a quorum of those asked stands (is ready, or was heard of in this stage) and then runs
// on. Without a quorum at the deadline the round waits on and commits as soon as the quorum is
// there. The quorum counts admitted updates alone. A site whose update was refused, or that has declined the run, is
// not waited for while the others can make the quorum. When they cannot, the run fails: at once if it is for refused
// updates, and at the deadline if sites that declined might still come back. A site whose updates were refused in
// `max_refusals` committed rounds that did not count another one of it is put aside: from the next round on it is not
// among the run's sites any more. Every decision follows from the history (committed rounds, their scores and updates),
// so a machine made from the ledger after a crash goes on exactly as the unbroken one.
//
// One model covers synchronous rounds, late updates and buffered rounds. An update is named by the round whose
// predecessor it started from: that of round r is trained from version r-1. The open round R takes updates of rounds
// R - max_staleness .. R, one of a site, and each with its staleness R - r; with max_staleness 0 a late one is refused.
// A site at work on an older version is left to it as long as it will be taken; then it is asked anew. Who was at work
// when the coordinator died says so as it comes back, and is left to it, too. A second update of a site in one round,
// or one beyond those wanted, comes into the next round. Buffered rounds are those in which all sites are members, a
// round wants `buffer` updates, at most `concurrency` sites are at work at once, and one that has delivered an old
// version takes the newest one, at once or, where places are few, when the next round begins (Nguyen et al. 2022,
// "FedBuff", arXiv:2106.06639). From one version a site trains once. Its score of a version comes when it takes it, so
// that a version has the scores of the sites that took it before the next commit.
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
#include "common/fl/past.h"
#include "common/fl/score.h"
#include "common/fl/stage.h"

namespace weft::fl {

// Events.
struct SiteReady {  // it stands and may be asked; also after it came back
  SiteId site;
  std::uint32_t training = 0;  // the round whose update it is making; 0: none, or its version is gone
};
struct SiteGone {
  SiteId site;
};
struct SiteDeclined {  // it takes no part; SiteReady takes that back
  SiteId site;
};
struct SiteRevoked {  // as declined; and what it sent into the open round does not count: that is opened anew
  SiteId site;
};
struct Scored {
  SiteScore score;
};
struct UpdateAdmitted {  // it is in the accumulator
  SiteId site;
  std::uint32_t round = 0;  // of the update: the one it was asked for
  CountedUpdate counted;    // as the ledger will have it; site and staleness are filled in
};
struct UpdateRefused {  // this site takes no further part in the open round
  SiteId site;
  std::uint32_t round = 0;  // of the update
};
struct RoundDurable {  // the commit asked for has survived
  std::uint32_t round = 0;
};
// All that may join, from the next round on; not empty. Who is away and not among them has no more part in the open
// round than who has declined; one that cannot reach its quorum without them is opened anew at once.
struct SitesChanged {
  std::vector<SiteId> sites;
};
struct Tick {};  // the clock reached wake_at()
using RoundEvent = std::variant<SiteReady, SiteGone, SiteDeclined, SiteRevoked, Scored, UpdateAdmitted, UpdateRefused,
                                RoundDurable, SitesChanged, Tick>;

struct PastRefusal {
  UpdateRefused update;
  std::uint32_t seen_in = 0;  // the round that was open
};

// What is durable when a machine is made: what its decisions need of that, which does not grow with the rounds' sites.
struct History {
  std::uint32_t committed = 0;       // rounds
  VersionValues validation;          // of all versions
  Past past;                         // of all rounds
  std::vector<PastRefusal> refused;  // also in a round that is still open, none in one that counted its site; the same
                                     // one may come twice
  bool resumed = false;              // sites may be away for as long as they wait before they connect anew
};

// Actions.
struct PutAside {  // it is asked nothing more in this run
  SiteId site;
};
struct BeginRound {
  std::uint32_t round = 0;
  std::vector<SiteId> cohort;   // ascending
  std::vector<SiteId> at_work;  // on an older version, and left to it; ascending
};
struct Ask {  // what a site is to do next; replaces what it was asked before
  SiteId site;
  std::uint32_t round = 0;    // 0: nothing to train
  std::uint32_t version = 0;  // the adapter to start from or to score
  std::vector<std::string> evaluate;
  bool train = false;
  std::uint32_t local_steps = 0;  // of the training; 0: as the run file says
};
struct CommitRound {  // make it durable, then report RoundDurable
  std::uint32_t round = 0;
  std::vector<SiteId> counted;      // ascending
  std::vector<SiteScore> scores;    // of version round-1, by site; become part of the history
  std::set<std::uint32_t> at_work;  // versions that sites are left to train from, and may fetch again
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
  std::vector<SiteId> aside;              // all that may join, and none of them stands
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
               History history = {});
  std::vector<RoundAction> start(TimePoint now);  // once
  // An event about an unknown site, another round or a version not asked for changes nothing.
  std::vector<RoundAction> on(const RoundEvent& event, TimePoint now);
  TimePoint wake_at() const;  // when to send a Tick; TimePoint::max(): never
  std::optional<WaitingFor> waiting() const;

  std::uint32_t round() const;  // the one that takes updates; 0 when none does
  std::uint32_t version() const { return committed_; }
  bool put_aside(const SiteId& site) const { return aside_.contains(site); }
  // What becomes of an update of `site` and `round`: taken now, or never, or that is seen later, when this round is
  // durable: a crash before that opens it anew, and then it may be taken.
  enum class Fate { taken, later, late };
  Fate fate_of(const SiteId& site, std::uint32_t round) const;
  bool wants_update(const SiteId& site, std::uint32_t round) const { return fate_of(site, round) == Fate::taken; }
  // The local steps that were asked for with it; nullopt when this machine did not ask, 0 as the run file says.
  std::optional<std::uint32_t> steps_asked(const SiteId& site, std::uint32_t round) const;

 private:
  using Actions = std::vector<RoundAction>;
  enum class Phase { idle, round, committing, last, best, finished };

  void handle(const SiteReady& event, Actions& actions);
  void handle(const SiteGone& event, Actions& actions);
  void handle(const SiteDeclined& event, Actions& actions);
  void handle(const SiteRevoked& event, Actions& actions);
  void handle(const Scored& event, Actions& actions);
  void handle(const UpdateAdmitted& event, Actions& actions);
  void handle(const UpdateRefused& event, Actions& actions);
  void handle(const RoundDurable& event, Actions& actions);
  void handle(const SitesChanged& event, Actions& actions);
  void handle(const Tick&, Actions&) {}
  void settle(TimePoint now, Actions& actions);
  void go_on(Actions& actions);
  void put_aside(Actions& actions);
  std::vector<SiteId> standing() const;
  void begin_round(Actions& actions);
  std::set<SiteId> let_go() const;
  bool is_lost(std::set<SiteId> gone) const;
  void open_anew(Actions& actions);
  void adopt(const SiteReady& event);
  void begin(Phase phase, StageTask task, const std::vector<SiteId>& members, Actions& actions);
  void close(Actions& actions);
  void commit(const Stage& stage, Actions& actions);
  void fail(Actions& actions);
  void judged(const SiteId& site, std::uint32_t round, Stage::Update update);
  void hand_out(Actions& actions);  // work to those that have none
  // `taken`: places at work; true: another one is.
  bool ask(const SiteId& site, std::size_t taken, Actions& actions);
  bool is_to_train(const SiteId& site, std::size_t taken) const;
  std::size_t taken_places() const;
  bool is_left_to_it(std::uint32_t round, std::uint32_t open) const;
  std::vector<SiteId> in_turn() const;
  std::string stop_reason() const;

  RoundsConfig config_;
  std::string metric_;
  std::vector<SiteId> sites_;  // ascending
  Rng rng_;
  std::uint32_t committed_ = 0;
  VersionValues validation_;  // of the versions before that
  Past past_;                 // of the rounds; with validation_ all that the decisions need of the history
  std::map<SiteId, std::map<std::uint32_t, std::uint32_t>> refused_;  // its updates' rounds, and those open then
  std::set<SiteId> aside_;
  Phase phase_ = Phase::idle;
  std::optional<Stage> stage_;         // in the phases round, last and best
  std::set<SiteId> ready_, declined_;  // who is there, takes no part
  struct Training {
    std::uint32_t round = 0, local_steps = 0;
  };
  std::map<SiteId, Training> at_work_;  // asked to train, and the update is not judged yet
  std::set<SiteId> asked_;              // what they were asked last still stands
  bool freed_ = false;                  // there may be work for a site that has none
  std::vector<SiteId> next_sites_;      // from the next round on; empty: as they are
  std::vector<SiteId> cohort_;          // of the open round
  std::vector<CountedUpdate> counted_;  // in it
  bool returning_ = false;              // the first round since the run was resumed is open
  std::vector<SiteScore> pending_;      // of the round that is being committed, then of the last version
};

}  // namespace weft::fl
