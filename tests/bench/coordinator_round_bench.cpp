// What a round costs when nothing is trained, with 4, 100 and 1,000 sites (or as many as are named), and the memory of
// the coordinator, which is a process of its own. Beside it what one sync of a small file costs on this disk, of which
// a round has three at the coordinator (version file, its folder, the ledger) and, before those, two at each worker
// (the spooled update and its folder). Prints one JSON line per figure.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "common/base/file.h"
#include "common/telemetry/rss.h"
#include "tests/bench/coordinator_empty_run.h"

namespace {

using namespace weft;
using Timer = std::chrono::steady_clock;

struct Case {
  std::size_t sites;
  std::uint32_t rounds, warm_up;
};
constexpr Case kCases[] = {{4, 200, 10}, {100, 40, 4}, {1000, 8, 2}};

double milliseconds(Timer::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

struct RoundTimes final : telemetry::RunObserver {
  void on(const telemetry::RunEvent& event) override {
    if (std::holds_alternative<telemetry::RoundCommitted>(event)) committed.push_back(Timer::now());
  }
  std::vector<Timer::time_point> committed;
};

// User and system time; does not suffer from other load on the machine as times do.
double cpu_milliseconds(int who) {
  rusage usage{};
  ::getrusage(who, &usage);
  double sum = 0;
  for (const timeval& time : {usage.ru_utime, usage.ru_stime})
    sum += static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  return sum;
}

// Of write_atomic on 100 KB: two syncs.
double median_atomic_write(const std::filesystem::path& folder) {
  const Bytes content(bench::kEmptyRunValues * sizeof(float));
  std::vector<double> times;
  for (int i = 0; i < 50; ++i) {
    const auto start = Timer::now();
    write_atomic(folder / "probe", content).value();
    times.push_back(milliseconds(Timer::now() - start));
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

void print(const std::string& name, double value, const char* unit,
           const nlohmann::json& more = nlohmann::json::object()) {
  nlohmann::json line{{"name", name}, {"value", value}, {"unit", unit}};
  line.update(more);
  std::cout << line << std::endl;
}

// The coordinator's process: tells where it listens, and prints what its rounds took.
int run_coordinator(const bench::EmptyRun& run, const Case& which, const std::string& name, int out) {
  net::TlsServer server = run.server("tcp://127.0.0.1:*");
  const std::string endpoint = server.endpoint();
  if (::write(out, endpoint.data(), endpoint.size()) < 0) return 1;
  ::close(out);
  const SystemClock clock;
  RoundTimes times;
  coordinator::Coordinator(run.options(which.rounds), server, clock, times).run({});
  std::vector<double> rounds;
  for (std::size_t i = which.warm_up; i < times.committed.size(); ++i)
    rounds.push_back(milliseconds(times.committed[i] - times.committed[i - 1]));
  if (rounds.size() != which.rounds - which.warm_up) return 1;
  std::sort(rounds.begin(), rounds.end());
  const double median = rounds[rounds.size() / 2];
  const nlohmann::json goal{{"target", 20}, {"better", "lower"}};
  print(name, median, "ms", which.sites == 4 ? goal : nlohmann::json::object());
  print(name + ".a_second", 1e3 / median, "rounds/s");
  print(name + ".fastest", rounds.front(), "ms");
  print(name + ".slowest_of_20", rounds[rounds.size() * 19 / 20], "ms");
  print(name + ".cpu_of_coordinator", cpu_milliseconds(RUSAGE_SELF) / which.rounds, "CPU ms");
  print(name + ".coordinator_peak_rss", static_cast<double>(telemetry::peak_rss_bytes()) / (1 << 20), "MiB");
  return 0;
}

bool measure(const Case& which) {
  const std::string name = "empty_round." + std::to_string(which.sites) + "_sites";
  const bench::EmptyRun run("round_bench_" + std::to_string(which.sites), which.sites);
  const double cpu_before = cpu_milliseconds(RUSAGE_CHILDREN);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  const pid_t coordinator = ::fork();
  if (coordinator == 0) ::_exit(run_coordinator(run, which, name, ends[1]));
  ::close(ends[1]);
  char endpoint[128] = {};
  if (::read(ends[0], endpoint, sizeof endpoint - 1) <= 0) return false;
  ::close(ends[0]);
  run.start_sites(endpoint);
  int status = 0, failed = 0;
  while (::wait(&status) > 0) {
    if (status == 0) continue;
    ++failed;
    ::kill(coordinator, SIGKILL);  // it would wait for its sites for ever
  }
  print(name + ".cpu_of_all", (cpu_milliseconds(RUSAGE_CHILDREN) - cpu_before) / which.rounds, "CPU ms");
  if (which.sites == 4) print("atomic_write_100_kb", median_atomic_write(run.folder()), "ms");
  return failed == 0;
}

}  // namespace

int main(int count, char** words) {
  log::set_level(log::Level::error);
  const std::vector<std::string> asked(words + 1, words + count);
  for (const Case& each : kCases) {
    if (!asked.empty() && std::find(asked.begin(), asked.end(), std::to_string(each.sites)) == asked.end()) continue;
    if (measure(each)) continue;
    std::cerr << "coordinator_round_bench: a process failed with " << each.sites << " sites\n";
    return 1;
  }
}
