// Who may transfer now: a bounded number of places, first come first served, so that what is in flight does not grow
// with the number of sites. Pure: the caller passes the time.
//
// A holder that did not move for the stall time while others wait loses its place and goes to the end of the queue; to
// move is to transfer a whole chunk, so that nobody keeps a place by a trickle. Where there is a longest turn, so does
// one that has had its place for so long since others wait, however it moves: slow ones take turns with the others. One
// that went away keeps its place only until somebody else wants it. Whoever loses a place loses nothing that was
// transferred.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"

namespace weft::coordinator {

// Whether a transfer that stands at `offset` has moved since `counted`, which is then set to it.
bool counts_as_moved(std::uint64_t offset, std::uint64_t& counted);

class Turns {
 public:
  struct Change {
    SiteId site;
    bool granted = false;  // else its place was taken away
  };
  using Changes = std::vector<Change>;  // in the order in which they happened

  Turns(std::size_t places, Milliseconds stall_timeout, std::optional<Milliseconds> longest = {})
      : places_(places), stall_timeout_(stall_timeout), longest_(longest) {}
  // Also for a site that holds a place already, when it came back: then it is granted again.
  Changes request(const SiteId& site, TimePoint now);
  void moved(const SiteId& site, TimePoint now);
  Changes away(const SiteId& site, TimePoint now);  // its session ended
  Changes release(const SiteId& site, TimePoint now);
  Changes tick(TimePoint now);  // at wake_at()
  TimePoint wake_at() const;    // TimePoint::max(): never
  bool holds(const SiteId& site) const { return holders_.contains(site); }
  std::size_t waiting() const { return queue_.size(); }

 private:
  struct Holder {
    TimePoint since, moved;
    bool away = false;
  };
  TimePoint until(const Holder& holder) const;  // then it gives way to who waits
  void fill(Changes& changes, TimePoint now);
  bool evict_one(Changes& changes, TimePoint now);

  std::size_t places_;
  Milliseconds stall_timeout_;
  std::optional<Milliseconds> longest_;
  std::map<SiteId, Holder> holders_;
  std::deque<SiteId> queue_;
};

}  // namespace weft::coordinator
