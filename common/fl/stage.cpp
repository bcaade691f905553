// Bookkeeping of one stage.
#include "common/fl/stage.h"

#include <algorithm>

namespace weft::fl {

Stage::Stage(StageTask task, const std::vector<SiteId>& members) : task_(std::move(task)) {
  for (const SiteId& site : members) members_.emplace(site, Member{});
}

bool Stage::lacks_score(const SiteId& site) const {
  const auto member = members_.find(site);
  return member != members_.end() && !member->second.score;
}

bool Stage::lacks_update(const SiteId& site) const {
  const auto member = members_.find(site);
  return trains() && member != members_.end() && member->second.update == Update::none;
}

void Stage::take(const SiteScore& score) {
  if (score.version == task_.version && score.split == task_.split && lacks_score(score.site))
    members_[score.site].score = score;
}

void Stage::settle(const SiteId& site, std::uint32_t round, Update update) {
  if (round == task_.round && lacks_update(site)) members_[site].update = update;
}

void Stage::observe(const std::set<SiteId>& ready, TimePoint now) {
  if (!until_) {
    const auto standing = std::count_if(members_.begin(), members_.end(), [&](const auto& entry) {
      const auto& [site, member] = entry;
      return ready.contains(site) || member.score || member.update != Update::none;
    });
    if (static_cast<std::size_t>(standing) >= task_.quorum) until_ = now + task_.deadline;
  }
  if (until_ && now >= *until_) late_ = true;
}

bool Stage::done() const {
  const bool all =
      std::all_of(members_.begin(), members_.end(), [&](const auto& entry) { return through(entry.second); });
  return all || (late_ && enough());
}

TimePoint Stage::wake_at() const { return until_ && !late_ ? *until_ : TimePoint::max(); }

std::vector<SiteId> Stage::admitted() const {
  std::vector<SiteId> sites;
  for (const auto& [site, member] : members_)
    if (member.update == Update::admitted) sites.push_back(site);
  return sites;
}

std::vector<SiteId> Stage::missing() const {
  std::vector<SiteId> sites;
  for (const auto& [site, member] : members_)
    if (!through(member)) sites.push_back(site);
  return sites;
}

std::vector<SiteScore> Stage::scores() const {
  std::vector<SiteScore> scores;
  for (const auto& [site, member] : members_)
    if (member.score) scores.push_back(*member.score);
  return scores;
}

bool Stage::through(const Member& member) const { return member.score && (!trains() || member.update != Update::none); }

std::size_t Stage::count(Update update) const {
  return static_cast<std::size_t>(std::count_if(members_.begin(), members_.end(),
                                                [&](const auto& entry) { return entry.second.update == update; }));
}

bool Stage::enough() const {
  if (!trains()) return scores().size() >= task_.quorum;
  // Nobody waits for what was refused: without this a round with quorum 1 would hang on one diverged site.
  return count(Update::admitted) >= std::min(task_.quorum, members_.size() - count(Update::refused));
}

}  // namespace weft::fl
