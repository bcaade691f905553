// Places and the queue for them.
#include "coordinator/turns.h"

#include <algorithm>

#include "common/wire/messages.h"

namespace weft::coordinator {

bool counts_as_moved(std::uint64_t offset, std::uint64_t& counted) {
  if (offset < counted + wire::kChunkBytes) return false;
  counted = offset;
  return true;
}

Turns::Changes Turns::request(const SiteId& site, TimePoint now) {
  Changes changes;
  if (const auto held = holders_.find(site); held != holders_.end()) {
    held->second.moved = now;
    held->second.away = false;
    changes.push_back({site, true});
    return changes;
  }
  if (queue_.empty())
    for (auto& [other, holder] : holders_) holder.since = now;  // until now nobody waited
  if (std::find(queue_.begin(), queue_.end(), site) == queue_.end()) queue_.push_back(site);
  fill(changes, now);
  return changes;
}

void Turns::moved(const SiteId& site, TimePoint now) {
  if (const auto held = holders_.find(site); held != holders_.end()) held->second.moved = now;
}

Turns::Changes Turns::away(const SiteId& site, TimePoint now) {
  Changes changes;
  std::erase(queue_, site);
  if (const auto held = holders_.find(site); held != holders_.end()) held->second.away = true;
  fill(changes, now);
  return changes;
}

Turns::Changes Turns::release(const SiteId& site, TimePoint now) {
  Changes changes;
  std::erase(queue_, site);
  holders_.erase(site);
  fill(changes, now);
  return changes;
}

Turns::Changes Turns::tick(TimePoint now) {
  Changes changes;
  fill(changes, now);
  return changes;
}

TimePoint Turns::wake_at() const {
  TimePoint wake = TimePoint::max();
  if (queue_.empty()) return wake;
  for (const auto& [site, holder] : holders_) wake = std::min(wake, until(holder));
  return wake;
}

TimePoint Turns::until(const Holder& holder) const {
  const TimePoint stalled = holder.moved + stall_timeout_;
  return longest_ ? std::min(stalled, holder.since + *longest_) : stalled;
}

// Gives free places to those that wait, and makes places free that nobody uses.
void Turns::fill(Changes& changes, TimePoint now) {
  while (!queue_.empty() && (holders_.size() < places_ || evict_one(changes, now))) {
    const SiteId next = queue_.front();
    queue_.pop_front();
    holders_[next] = {.since = now, .moved = now};
    changes.push_back({next, true});
  }
}

bool Turns::evict_one(Changes& changes, TimePoint now) {
  auto victim = std::find_if(holders_.begin(), holders_.end(), [](const auto& held) { return held.second.away; });
  if (victim == holders_.end())
    victim =
        std::find_if(holders_.begin(), holders_.end(), [&](const auto& held) { return now >= until(held.second); });
  if (victim == holders_.end()) return false;
  const auto [site, holder] = *victim;
  holders_.erase(victim);
  if (!holder.away) queue_.push_back(site);
  changes.push_back({site, false});
  return true;
}

}  // namespace weft::coordinator
