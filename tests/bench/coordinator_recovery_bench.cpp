// How soon a run goes on after its coordinator was killed: from kill -9, with a new process started at once, to the
// next round that is durable. Four workers over TLS that train nothing. A worker that lost its link comes back after
// 0.375 to 0.5 s, which is most of it. Prints one JSON line per figure.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tests/bench/coordinator_empty_run.h"

namespace {

using namespace weft;
using Timer = std::chrono::steady_clock;

constexpr int kKills = 15;
constexpr int kRoundsBetween = 10;

struct Teller final : telemetry::RunObserver {
  explicit Teller(int pipe) : pipe_(pipe) {}
  void on(const telemetry::RunEvent& event) override {
    if (std::holds_alternative<telemetry::RoundCommitted>(event) && ::write(pipe_, "c", 1) < 0) ::_exit(1);
  }
  int pipe_;
};

// `endpoint`: as given; the one it listens at is told first, by a new process alone.
pid_t start_coordinator(const bench::EmptyRun& run, const std::string& endpoint, bool resume, int out) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  net::TlsServer server = run.server(endpoint);
  if (!resume && ::write(out, server.endpoint().data(), server.endpoint().size()) < 0) ::_exit(1);
  coordinator::CoordinatorOptions options = run.options(1'000);
  options.resume = resume;
  const SystemClock clock;
  Teller teller(out);
  coordinator::Coordinator(std::move(options), server, clock, teller).run({});
  ::_exit(0);
}

// False: none came for a minute.
bool wait_for_commits(int pipe, int count) {
  pollfd waits{.fd = pipe, .events = POLLIN, .revents = 0};
  char byte = 0;
  for (int i = 0; i < count; ++i)
    if (::poll(&waits, 1, 60'000) != 1 || ::read(pipe, &byte, 1) != 1) return false;
  return true;
}

void end(pid_t process) {
  ::kill(process, SIGKILL);
  ::waitpid(process, nullptr, 0);
}

// Milliseconds of each; fewer than kKills where one never came back.
std::vector<double> recoveries(const bench::EmptyRun& run) {
  std::vector<double> times;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return times;
  pid_t coordinator = start_coordinator(run, "tcp://127.0.0.1:*", false, ends[1]);
  char endpoint[128] = {};
  if (::read(ends[0], endpoint, sizeof endpoint - 1) <= 0) return times;
  const std::vector<pid_t> sites = run.start_sites(endpoint);
  while (times.size() < kKills && wait_for_commits(ends[0], kRoundsBetween)) {
    end(coordinator);
    int fresh[2];  // what the old one told last may still be in its pipe
    if (::pipe2(fresh, O_CLOEXEC) != 0) break;
    ::close(ends[0]);
    ::close(ends[1]);
    std::copy(fresh, fresh + 2, ends);
    const auto start = Timer::now();
    coordinator = start_coordinator(run, endpoint, true, ends[1]);
    if (!wait_for_commits(ends[0], 1)) break;
    times.push_back(std::chrono::duration<double, std::milli>(Timer::now() - start).count());
  }
  end(coordinator);
  for (const pid_t site : sites) end(site);
  return times;
}

}  // namespace

int main() {
  log::set_level(log::Level::error);
  const bench::EmptyRun run("recovery_bench", 4);
  std::vector<double> times = recoveries(run);
  if (times.size() != kKills) {
    std::cerr << "coordinator_recovery_bench: " << times.size() << " of " << kKills << " times the run went on\n";
    return 1;
  }
  std::sort(times.begin(), times.end());
  std::cout << nlohmann::json{{"name", "recovery_after_kill"}, {"value", times[times.size() / 2]}, {"unit", "ms"}}
            << '\n'
            << nlohmann::json{{"name", "recovery_after_kill.slowest"}, {"value", times.back()}, {"unit", "ms"}}
            << std::endl;
}
