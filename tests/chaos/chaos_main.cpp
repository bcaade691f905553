// weft-chaos: many runs of coordinator and sites with everything going wrong, each from one seed.
#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <mutex>
#include <thread>

#include "common/base/log.h"
#include "tests/chaos/world.h"

namespace weft::chaos {
namespace {

struct Totals {
  std::mutex mutex;
  std::uint64_t runs = 0;
  double simulated_seconds = 0;
  std::map<std::string, std::uint64_t> counts;  // of what happened
  void add(const Outcome& one) {
    ++runs;
    simulated_seconds += one.simulated_seconds;
    for (const auto& [what, count] : one.counts) counts[what] += count;
  }
};

// True: all held.
bool run_seed(std::uint64_t seed, bool verbose, Totals& totals) {
  const auto say = [](const std::string& line) { std::printf("%s\n", line.c_str()); };
  try {
    World world(seed, verbose ? std::function<void(const std::string&)>(say) : nullptr);
    const Outcome outcome = world.run();
    const std::lock_guard lock(totals.mutex);
    totals.add(outcome);
    if (verbose)
      std::printf("seed %llu: adapter %s\n", static_cast<unsigned long long>(seed), outcome.adapter_digest.c_str());
    return true;
  } catch (const Broken& broken) {
    std::printf("seed %llu: %s\n  replay it:  weft-chaos --seeds %llu --verbose\n",
                static_cast<unsigned long long>(seed), broken.what.c_str(), static_cast<unsigned long long>(seed));
  } catch (const std::exception& error) {
    std::printf("seed %llu: %s\n  replay it:  weft-chaos --seeds %llu --verbose\n",
                static_cast<unsigned long long>(seed), error.what(), static_cast<unsigned long long>(seed));
  }
  return false;
}

struct Range {
  std::uint64_t first = 1, last = 1000;
};

Range parse_range(const std::string& text) {
  const auto dots = text.find("..");
  const std::uint64_t first = std::stoull(text.substr(0, dots));
  return {first, dots == std::string::npos ? first : std::stoull(text.substr(dots + 2))};
}

int run(const Range& range, unsigned jobs, bool verbose) {
  const auto began = std::chrono::steady_clock::now();
  Totals totals;
  std::atomic<std::uint64_t> next = range.first, failed = 0;
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < jobs; ++i)
    threads.emplace_back([&] {
      for (std::uint64_t seed = next++; seed <= range.last; seed = next++)
        if (!run_seed(seed, verbose, totals)) ++failed;
    });
  const auto wide = [](std::uint64_t number) { return static_cast<unsigned long long>(number); };
  for (auto shown = began; next <= range.last; std::this_thread::sleep_for(std::chrono::milliseconds(20))) {
    if (std::chrono::steady_clock::now() - shown < std::chrono::seconds(30)) continue;
    shown = std::chrono::steady_clock::now();
    std::fprintf(stderr, "%llu of %llu runs, %llu did not hold\n", wide(next - range.first),
                 wide(range.last - range.first + 1), wide(failed));
  }
  threads.clear();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::printf("%llu runs held, %llu did not; %.1f s, %.0f simulated hours",
              static_cast<unsigned long long>(totals.runs), static_cast<unsigned long long>(failed), seconds,
              totals.simulated_seconds / 3600);
  for (const auto& [what, count] : totals.counts)
    std::printf(", %llu %s", static_cast<unsigned long long>(count), what.c_str());
  std::printf("\n");
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace weft::chaos

int main(int argc, char** argv) {
  CLI::App app(
      "Runs coordinator and sites in one thread under simulated time, network and disks, lets all go wrong "
      "that can, and checks that the result is that of an undisturbed run. A seed repeats exactly.");
  std::string seeds = "1..1000";
  unsigned jobs = 1;
  bool verbose = false;
  app.add_option("--seeds", seeds, "one seed, or FIRST..LAST")->capture_default_str();
  app.add_option("--jobs", jobs, "runs at once")->capture_default_str();
  app.add_flag("--verbose", verbose, "print all that happens");
  CLI11_PARSE(app, argc, argv);
  weft::log::set_level(weft::log::Level::error);
  return weft::chaos::run(weft::chaos::parse_range(seeds), std::max(jobs, 1U), verbose);
}
