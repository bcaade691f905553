// Time as a parameter: everything that waits or stamps takes a Clock&, so a test can drive it by hand.
#pragma once
#include <chrono>

namespace weft {

using Milliseconds = std::chrono::milliseconds;
// Monotonic time since an arbitrary start.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Milliseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;                               // monotonic; may be called from any thread
  virtual std::chrono::system_clock::time_point wall() const = 0;  // for stamps that people read
};

class SystemClock final : public Clock {
 public:
  TimePoint now() const override {
    return std::chrono::time_point_cast<Milliseconds>(std::chrono::steady_clock::now());
  }
  std::chrono::system_clock::time_point wall() const override { return std::chrono::system_clock::now(); }
};

// Stands still until advanced. One thread.
class ManualClock final : public Clock {
 public:
  TimePoint now() const override { return now_; }
  std::chrono::system_clock::time_point wall() const override {
    return std::chrono::system_clock::time_point(now_.time_since_epoch());
  }
  void advance(Milliseconds by) { now_ += by; }

 private:
  TimePoint now_{};
};

}  // namespace weft
