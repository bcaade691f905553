// One thread that waits for signals: no code of ours runs in a signal handler.
#include "cli/signals.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>

#include "common/base/log.h"

namespace weft::cli {
namespace {

// SIGUSR2 is how the destructor wakes the waiter.
sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR2}) sigaddset(&set, signal);
  return set;
}

}  // namespace

StopOnSignal::StopOnSignal() {
  const sigset_t set = handled_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  waiter_ = std::jthread([this](std::stop_token done) {
    const sigset_t waited = handled_signals();
    while (true) {
      int signal = 0;
      sigwait(&waited, &signal);
      if (done.stop_requested()) return;
      if (signal == SIGUSR2 || hung_up(signal)) continue;
      if (source_.stop_requested()) ::_exit(128 + signal);
      log::warn("stopping; once more to end at once");
      source_.request_stop();
    }
  });
}

void StopOnSignal::on_hangup(std::function<void()> react) {
  const std::lock_guard lock(mutex_);
  on_hangup_ = std::move(react);
}

bool StopOnSignal::hung_up(int signal) {
  const std::lock_guard lock(mutex_);
  if (signal != SIGHUP || !on_hangup_) return false;
  on_hangup_();
  return true;
}

StopOnSignal::~StopOnSignal() {
  waiter_.request_stop();
  pthread_kill(waiter_.native_handle(), SIGUSR2);
}

}  // namespace weft::cli
