// How many messages a site may say. What it is asked for gives it what the answer takes, once; beyond that it has a
// small allowance that time fills up again. An honest site stays far below: it says a few messages for each Work, an
// Ack or a Chunk for each mebibyte that is transferred, and for people at most five lines of progress a second. Pure:
// the caller passes the time.
#pragma once
#include <cstdint>

#include "common/base/clock.h"

namespace weft::coordinator {

class Budget {
 public:
  static constexpr double kAllowance = 200;  // messages at once
  static constexpr double kEachSecond = 50;
  // What costs more than one message: a session, with its handshake and Welcome, and a window of chunks.
  static constexpr double kHello = 10, kFetch = 20;
  static constexpr double kToBegin = 60;  // must be there for a session to begin, or it would end before it could work

  // `chunks`: of one adapter. It is fetched and an update sent, each begun again a few times.
  explicit Budget(std::uint64_t chunks) : for_work_(32 + 4 * static_cast<double>(chunks)) {}
  // The same Work again, in a new session, gives nothing.
  void work_was_sent(std::uint32_t round, std::uint32_t version, TimePoint now);
  // Fetching each file of the base model, a few times; once.
  void base_was_listed(std::size_t files, TimePoint now);
  bool begin_session(TimePoint now);       // false: too soon
  bool spend(double cost, TimePoint now);  // false: it is one message too many
  // An acknowledgement that let a chunk of the base model go out costs nothing: the link itself bounds how many come.
  void moved_base_on() { left_ += 1; }

 private:
  void refill(TimePoint now);
  double for_work_;
  double left_ = kAllowance;
  TimePoint filled_{};
  std::uint32_t round_ = 0, version_ = 0;  // of the newest Work
  bool asked_ = false, listed_ = false;
};

}  // namespace weft::coordinator
