// A part of RoundMachine: what one group of sites is asked at one time, what of it came, and when that is enough.
// A round is a stage with an update to send and a score of the version it starts from; the two stages after the last
// round ask for a score alone. An update that comes into a round may be of an earlier one (a late one that is counted
// as stale, also of a site that this round does not ask); each site's first is the one that counts in the round.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/fl/score.h"

namespace weft::fl {

struct StageTask {
  std::uint32_t round = 0;    // 0: nothing to train
  std::uint32_t version = 0;  // to score, and to start from
  std::string split;
  std::size_t wanted = 1;  // members with an admitted update by which the round is full
  std::size_t quorum = 1;  // of them needed at the deadline, or scores when nothing is trained
  Milliseconds deadline{};
};

class Stage {
 public:
  enum class Update { none, admitted, refused };

  Stage(StageTask task, const std::vector<SiteId>& members);
  const StageTask& task() const { return task_; }
  bool asks(const SiteId& site) const { return members_.contains(site); }
  bool lacks_score(const SiteId& site) const;
  bool lacks_update(const SiteId& site) const;
  // Of which round the update was that came of this site; 0: none came.
  std::uint32_t judged(const SiteId& site) const;
  bool full() const;  // no more are wanted

  // It is at work on an older version: its score of this one is not waited for. So too if its update is of one.
  void excuse(const SiteId& site);
  // What was not asked for, or is already there, changes nothing.
  void take(const SiteScore& score);
  // The caller has judged whether an update of `round` may come into this one.
  void settle(const SiteId& site, std::uint32_t round, Update update);
  // Starts the deadline's clock when a quorum stands: is ready now or was heard of. It never stops
  // again. A site that has declined is not waited for while the others can make a quorum, and else until the deadline:
  // it may be mended.
  void observe(const std::set<SiteId>& ready, std::set<SiteId> declined, TimePoint now);

  // All members are through, or as many as are wanted, or the deadline has passed; and a round has its quorum.
  bool done() const;
  // A round's quorum cannot be reached any more: too many were refused, or declined and did not come back in time.
  bool hopeless() const;
  // The same if none of these comes back.
  bool hopeless_without(const std::set<SiteId>& gone) const;
  bool clock_runs() const { return until_.has_value(); }
  bool late() const { return late_; }             // the deadline has passed
  TimePoint wake_at() const;                      // the deadline, unless it has passed or its clock stands
  std::vector<SiteId> with(Update update) const;  // of its members; ascending
  std::vector<SiteId> missing() const;            // who is waited for; ascending
  std::vector<SiteScore> scores() const;          // by site

 private:
  struct Member {
    std::optional<SiteScore> score;
    Update update = Update::none;
    bool excused = false;
  };
  bool trains() const { return task_.round != 0; }
  std::size_t count(Update update) const { return counts_[static_cast<std::size_t>(update)]; }
  bool all_through() const;
  bool through(const Member& member) const;
  bool given_up(const SiteId& site) const;                           // it has declined
  std::size_t possible_without(const std::set<SiteId>& gone) const;  // updates that are admitted or may be
  bool enough() const;

  StageTask task_;
  std::map<SiteId, Member> members_;
  std::array<std::size_t, 3> counts_{};     // of the members' updates, by what became of them
  std::size_t scored_ = 0;                  // members
  std::map<SiteId, std::uint32_t> judged_;  // of members and of others
  std::set<SiteId> declined_;
  std::optional<TimePoint> until_;
  bool late_ = false;
};

}  // namespace weft::fl
