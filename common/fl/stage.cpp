// Bookkeeping of one stage.
#include "common/fl/stage.h"

#include <algorithm>

namespace weft::fl {

Stage::Stage(StageTask task, const std::vector<SiteId>& members) : task_(std::move(task)) {
  for (const SiteId& site : members) members_.emplace(site, Member{});
  counts_[static_cast<std::size_t>(Update::none)] = members_.size();
}

bool Stage::lacks_score(const SiteId& site) const {
  const auto member = members_.find(site);
  return member != members_.end() && !member->second.score;
}

bool Stage::lacks_update(const SiteId& site) const {
  const auto member = members_.find(site);
  return trains() && member != members_.end() && member->second.update == Update::none;
}

std::uint32_t Stage::judged(const SiteId& site) const {
  const auto found = judged_.find(site);
  return found == judged_.end() ? 0 : found->second;
}

bool Stage::full() const { return trains() && count(Update::admitted) >= task_.wanted; }

void Stage::excuse(const SiteId& site) {
  if (const auto member = members_.find(site); member != members_.end()) member->second.excused = true;
}

void Stage::take(const SiteScore& score) {
  if (score.version != task_.version || score.split != task_.split || !lacks_score(score.site)) return;
  members_[score.site].score = score;
  ++scored_;
}

void Stage::settle(const SiteId& site, std::uint32_t round, Update update) {
  if (!trains() || !judged_.emplace(site, round).second) return;
  const auto member = members_.find(site);
  if (member == members_.end()) return;
  --counts_[static_cast<std::size_t>(member->second.update)];
  ++counts_[static_cast<std::size_t>(update)];
  member->second.update = update;
  if (round != task_.round) member->second.excused = true;
}

void Stage::observe(const std::set<SiteId>& ready, std::set<SiteId> declined, TimePoint now) {
  declined_ = std::move(declined);
  // Members are counted only when so many may stand: this is asked after every event.
  if (!until_ && ready.size() + declined_.size() + scored_ + members_.size() - count(Update::none) >= task_.quorum) {
    const auto standing = std::count_if(members_.begin(), members_.end(), [&](const auto& entry) {
      const auto& [site, member] = entry;
      return ready.contains(site) || declined_.contains(site) || member.score || member.update != Update::none;
    });
    if (static_cast<std::size_t>(standing) >= task_.quorum) until_ = now + task_.deadline;
  }
  if (until_ && now >= *until_) late_ = true;
}

// Asked after every event: members are looked through only when they may be.
bool Stage::done() const {
  if (!trains()) return (late_ && enough()) || all_through();
  if (!enough()) return false;
  if (late_ || all_through()) return true;
  if (!full()) return false;
  const auto complete = std::count_if(members_.begin(), members_.end(), [&](const auto& entry) {
    return entry.second.update == Update::admitted && through(entry.second);
  });
  return static_cast<std::size_t>(complete) >= task_.wanted;
}

bool Stage::all_through() const {
  const std::size_t waits = trains() ? count(Update::none) : members_.size() - scored_;
  if (waits > declined_.size()) return false;
  return std::all_of(members_.begin(), members_.end(),
                     [&](const auto& entry) { return through(entry.second) || given_up(entry.first); });
}

bool Stage::hopeless() const {
  if (!trains()) return false;
  return members_.size() - count(Update::refused) < task_.quorum || (late_ && hopeless_without(declined_));
}

bool Stage::hopeless_without(const std::set<SiteId>& gone) const {
  return trains() && possible_without(gone) < task_.quorum;
}

TimePoint Stage::wake_at() const { return until_ && !late_ ? *until_ : TimePoint::max(); }

std::vector<SiteId> Stage::with(Update update) const {
  std::vector<SiteId> sites;
  for (const auto& [site, member] : members_)
    if (member.update == update) sites.push_back(site);
  return sites;
}

std::vector<SiteId> Stage::missing() const {
  const bool needs_all = hopeless_without(declined_);
  std::vector<SiteId> sites;
  for (const auto& [site, member] : members_)
    if (!through(member) && (needs_all || !given_up(site))) sites.push_back(site);
  return sites;
}

std::vector<SiteScore> Stage::scores() const {
  std::vector<SiteScore> scores;
  for (const auto& [site, member] : members_)
    if (member.score) scores.push_back(*member.score);
  return scores;
}

bool Stage::through(const Member& member) const {
  return (member.score || member.excused) && (!trains() || member.update != Update::none);
}

bool Stage::given_up(const SiteId& site) const { return declined_.contains(site); }

std::size_t Stage::possible_without(const std::set<SiteId>& gone) const {
  return static_cast<std::size_t>(std::count_if(members_.begin(), members_.end(), [&](const auto& entry) {
    const auto& [site, member] = entry;
    return member.update == Update::admitted || (member.update == Update::none && !gone.contains(site));
  }));
}

bool Stage::enough() const { return (trains() ? count(Update::admitted) : scored_) >= task_.quorum; }

}  // namespace weft::fl
