// One simulated machine: the process on it, which can be killed between any two steps, and when it may go on.
#pragma once
#include <cstdint>
#include <functional>
#include <queue>
#include <string>
#include <vector>

#include "common/base/clock.h"

namespace weft::chaos {

struct Broken {  // what did not hold
  std::string what;
};

// What happens when, in one thread. Of things at the same time the one that was planned first comes first.
class Schedule {
 public:
  TimePoint now() const { return now_; }
  void at(TimePoint time, std::function<void()> what) {
    planned_.push({std::max(time, now_), ++count_, std::move(what)});
  }
  void after(Milliseconds delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }
  TimePoint next() const { return planned_.empty() ? TimePoint::max() : planned_.top().time; }
  void advance(TimePoint to) { now_ = std::max(now_, to); }
  void run_next() {
    const Planned planned = planned_.top();
    planned_.pop();
    advance(planned.time);
    planned.what();
  }

 private:
  struct Planned {
    TimePoint time;
    std::uint64_t order;
    std::function<void()> what;
    bool operator<(const Planned& other) const {
      return time != other.time ? time > other.time : order > other.order;  // the earliest on top
    }
  };
  TimePoint now_{};
  std::uint64_t count_ = 0;
  std::priority_queue<Planned> planned_;
};

struct Machine {
  explicit Machine(const Schedule& time) : schedule(time) {}
  // Before everything that the process does to a disk or a network. False: it was killed, nothing of it happens.
  bool step() {
    if (fuse > 0 && --fuse == 0) dead = true;
    return !dead;
  }
  TimePoint now() const { return schedule.now(); }
  void take(Milliseconds time) { busy_until = std::max(busy_until, now()) + time; }

  const Schedule& schedule;
  bool dead = true;           // no process; what one that was killed still does has no effect
  std::int64_t fuse = 0;      // steps until it is killed; 0: never
  TimePoint busy_until{};     // stopped, or waiting for a slow disk
  Milliseconds wall_error{};  // of its wall clock
};

class MachineClock final : public Clock {
 public:
  explicit MachineClock(const Machine& machine) : machine_(machine) {}
  TimePoint now() const override { return machine_.now(); }
  std::chrono::system_clock::time_point wall() const override {
    constexpr Milliseconds kStart{1'700'000'000'000};
    return std::chrono::system_clock::time_point(kStart + machine_.now().time_since_epoch() + machine_.wall_error);
  }

 private:
  const Machine& machine_;
};

}  // namespace weft::chaos
