// SIGINT, SIGTERM and SIGHUP as a stop token: the first asks for a graceful stop, the second ends the process at once.
#pragma once
#include <stop_token>
#include <thread>

namespace weft::cli {

// Make it before any other thread exists, so that every thread inherits the blocked signals.
class StopOnSignal {
 public:
  StopOnSignal();
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;
  ~StopOnSignal();
  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::jthread waiter_;
};

}  // namespace weft::cli
