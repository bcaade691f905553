// SIGINT, SIGTERM and SIGHUP as a stop token: the first asks for a graceful stop, the second ends the process at once.
// SIGHUP may be given another meaning.
#pragma once
#include <functional>
#include <mutex>
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
  // What SIGHUP does from now on, on a thread of its own; nothing: it stops, as the others do.
  void on_hangup(std::function<void()> react);

 private:
  bool hung_up(int signal);
  std::stop_source source_;
  std::mutex mutex_;
  std::function<void()> on_hangup_;
  std::jthread waiter_;
};

// Gives SIGHUP a meaning for as long as it lives.
class OnHangup {
 public:
  OnHangup(StopOnSignal& signals, std::function<void()> react) : signals_(signals) {
    signals_.on_hangup(std::move(react));
  }
  ~OnHangup() { signals_.on_hangup({}); }
  OnHangup(const OnHangup&) = delete;
  OnHangup& operator=(const OnHangup&) = delete;

 private:
  StopOnSignal& signals_;
};

}  // namespace weft::cli
