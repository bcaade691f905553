// Is the coordinator's memory flat in the number of sites and in what they send? Its own peak RSS, in a process of its
// own, and the time of a round, over TLS. The sites speak the protocol and compute nothing; all of them fetch and
// upload as fast as they can.
//   coordinator_memory_bench [CASE...]     4_sites 100_sites 1000_sites large_tenth large ledger; by itself all but
//                                          1000_sites and large, which take minutes and many GB of disk
// ledger: to resume a run of many rounds and write its summary takes no more memory than one of few.
// large is the case of which NVIDIA FLARE publishes 154 s a round and 81.75 GiB: an update of 3.35 GB from 6 sites. It
// is scaled down where memory or disk here forbid it. All files are below the folder for temporary ones ($TMPDIR) and
// are removed. Prints one JSON line per figure.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/crypto/pki.h"
#include "common/net/tls_client.h"
#include "common/net/tls_server.h"
#include "common/telemetry/rss.h"
#include "common/wire/messages.h"
#include "common/wire/transfer.h"
#include "coordinator/coordinator.h"
#include "coordinator/summary.h"

namespace {

using namespace weft;

struct Case {
  const char* name;
  std::size_t sites;
  double megabytes;  // of an update
  std::uint32_t rounds;
  bool by_itself;  // runs when no case is asked for
};
constexpr Case kCases[] = {{"4_sites", 4, 20.97, 2, true},
                           {"100_sites", 100, 20.97, 2, true},
                           {"1000_sites", 1000, 20.97, 1, false},
                           {"large_tenth", 6, 335, 1, true},
                           {"large", 6, 3350, 1, false}};
constexpr std::size_t kSitesOfAProcess = 25;
const std::string kBase(64, 'b');

// Two matrices of rank 8.
std::shared_ptr<const Manifest> manifest_of(double megabytes) {
  const auto width = static_cast<std::int64_t>(megabytes * 1e6 / sizeof(float) / 16);
  const std::string query = "base_model.model.query.";
  return std::make_shared<const Manifest>(
      Manifest::build({{query + "lora_A.weight", {8, width}}, {query + "lora_B.weight", {width, 8}}}).value());
}

// Of zeros, in a file that takes no space.
struct Update {
  Update(const std::filesystem::path& path, std::uint64_t bytes) : payload(zeros(path, bytes), 0) {
    Sha256 hash;
    for (std::uint64_t at = 0; at < bytes; at += wire::kChunkBytes)
      hash.update(payload.read(at, std::min<std::uint64_t>(wire::kChunkBytes, bytes - at)));
    digest = hash.hex();
  }
  static std::shared_ptr<const RandomReader> zeros(const std::filesystem::path& path, std::uint64_t bytes) {
    write_atomic(path, {}).value();
    std::filesystem::resize_file(path, bytes);
    return open_file(path).value();
  }
  wire::Payload payload;
  std::string digest;
};

// A site that keeps nothing of the adapter and always sends the same update.
class StubSite {
 public:
  StubSite(net::TlsClient& client, const Update& update, std::string manifest_digest)
      : client_(client), update_(update), manifest_digest_(std::move(manifest_digest)) {}

  bool run() {
    client_.connect();
    while (!finished_) {
      const std::optional<net::ClientEvent> event = client_.receive(TimePoint::max());
      if (!event) continue;
      if (const auto* down = std::get_if<net::Down>(&*event)) {
        if (down->permanent) return false;
        std::this_thread::sleep_for(
            std::chrono::milliseconds(200));  // the coordinator may be writing its first version
        client_.connect();
      }
      if (std::holds_alternative<net::Up>(*event)) say(wire::Hello{.weft_version = "bench"});
      if (const auto* message = std::get_if<net::Message>(&*event))
        std::visit([this](const auto& each) { on(each); }, wire::decode(message->bytes).value());
    }
    return true;
  }

 private:
  void say(const wire::Message& message) { client_.send(wire::encode(message)); }
  void on(const wire::Welcome&) {
    say(wire::Ready{.base_digest = kBase, .manifest_digest = manifest_digest_, .examples = {{"train", 1}}});
  }
  void on(const wire::Work& work) {
    work_ = work;
    say(wire::Fetch{.version = work.version});
  }
  void on(const wire::Chunk& chunk) {
    const std::uint64_t end = chunk.offset + chunk.data.size();
    say(wire::Ack{chunk.digest, end});
    if (end < work_.adapter_bytes) return;
    for (const std::string& split : work_.evaluate) say(wire::Metrics{.version = work_.version, .split = split});
    if (work_.train)
      say(wire::Offer{.round = work_.round,
                      .version = work_.version,
                      .digest = update_.digest,
                      .bytes = update_.payload.size(),
                      .examples = 1});
  }
  void on(const wire::Resume& resume) {
    sender_.emplace(update_.payload, resume.digest, resume.offset);
    pump();
  }
  void on(const wire::Ack& ack) {
    if (sender_) sender_->on(ack).value();
    pump();
  }
  void on(const wire::Finished&) { finished_ = true; }
  template <class Other>
  void on(const Other&) {}
  void pump() {
    while (std::optional<wire::Chunk> chunk = sender_->next()) say(*chunk);
  }

  net::TlsClient& client_;
  const Update& update_;
  std::string manifest_digest_;
  wire::Work work_;
  std::optional<wire::ChunkSender> sender_;
  bool finished_ = false;
};

struct Place {
  std::filesystem::path folder;
  std::vector<SiteId> sites;
  std::shared_ptr<const Manifest> manifest;
  std::uint32_t rounds;
};

struct RoundTime final : telemetry::RunObserver {
  void on(const telemetry::RunEvent& event) override {
    if (const auto* committed = std::get_if<telemetry::RoundCommitted>(&event)) seconds = committed->seconds;
  }
  double seconds = 0;  // of the last round
};

// The coordinator's process: tells where it listens, then its peak and how long the last round took.
void run_coordinator(const Place& place, int out) {
  coordinator::CoordinatorOptions options;
  options.folder = place.folder / "run";
  options.run = "memory";
  options.config_digest = "bench";
  options.settings = "none: 0\n";
  options.sites = place.sites;
  options.rounds.count = place.rounds;
  options.base_digest = kBase;
  options.initial = StateDict::zeros(place.manifest);
  options.scheme = metrics::classification_scheme(2);
  options.peft = {.base_model = "none", .adapter = {.target_modules = {.names = {"query"}}}};
  net::TlsServer server(
      {.endpoint = "tcp://127.0.0.1:*", .credentials = crypto::credential_files(place.folder / "pki", "coordinator")});
  const std::string endpoint = server.endpoint();
  if (::write(out, endpoint.data(), endpoint.size()) < 0) return;
  const SystemClock clock;
  RoundTime time;
  coordinator::Coordinator(std::move(options), server, clock, time).run({});
  const std::string peak = std::to_string(telemetry::peak_rss_bytes()) + " " + std::to_string(time.seconds);
  if (::write(out, peak.data(), peak.size()) < 0) return;
}

// One thread a site. Exit code.
int run_some_sites(const Place& place, const std::string& endpoint, std::span<const SiteId> sites,
                   const Update& update) {
  std::atomic<int> failed = 0;
  {
    std::vector<std::jthread> threads;
    for (const SiteId& site : sites)
      threads.emplace_back([&] {
        net::TlsClient client(
            {.endpoint = endpoint, .credentials = crypto::credential_files(place.folder / "pki", site.name)});
        if (!StubSite(client, update, place.manifest->digest()).run()) ++failed;
      });
  }
  return failed == 0 ? 0 : 1;
}

// A process whose children are the sites.
int run_sites(const Place& place, const std::string& endpoint) {
  const Update update(place.folder / "update", place.manifest->total() * sizeof(float));
  for (std::size_t at = 0; at < place.sites.size(); at += kSitesOfAProcess) {
    const auto some = std::span(place.sites).subspan(at, std::min(kSitesOfAProcess, place.sites.size() - at));
    if (::fork() == 0) ::_exit(run_some_sites(place, endpoint, some, update));
  }
  int status = 0, failed = 0;
  while (::wait(&status) > 0) failed += status != 0 ? 1 : 0;
  return failed;
}

std::string read_some(int pipe) {
  char text[128] = {};
  const ssize_t got = ::read(pipe, text, sizeof text);
  return {text, got > 0 ? static_cast<std::size_t>(got) : 0};
}

struct Figures {
  double peak_mib = 0, seconds = 0;
};

// Nullopt: a process failed.
std::optional<Figures> measure(const Case& which, double megabytes) {
  Place place{.folder = std::filesystem::temp_directory_path() /
                        ("weft_memory_bench_" + std::to_string(::getpid()) + "_" + which.name),
              .sites = {},
              .manifest = manifest_of(megabytes),
              .rounds = which.rounds};
  crypto::init_ca(place.folder / "pki");
  crypto::issue(place.folder / "pki", {.name = "coordinator", .role = crypto::Role::coordinator});
  for (std::size_t i = 0; i < which.sites; ++i) {
    place.sites.push_back({"site" + std::to_string(i)});
    crypto::issue(place.folder / "pki", {.name = place.sites.back().name});
  }
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  const pid_t coordinator = ::fork();
  if (coordinator == 0) {
    run_coordinator(place, ends[1]);
    ::_exit(0);
  }
  ::close(ends[1]);
  const std::string endpoint = read_some(ends[0]);
  const pid_t sites = ::fork();
  if (sites == 0) {
    ::setpgid(0, 0);
    ::_exit(run_sites(place, endpoint));
  }
  int status = 0, failed = 0;
  while (::wait(&status) > 0) {
    if (status == 0) continue;
    ++failed;  // what is left waits for what is gone
    ::kill(coordinator, SIGKILL);
    ::kill(-sites, SIGKILL);
  }
  std::istringstream told(read_some(ends[0]));
  ::close(ends[0]);
  std::filesystem::remove_all(place.folder);
  Figures figures;
  if (!(told >> figures.peak_mib >> figures.seconds) || failed != 0) return std::nullopt;
  figures.peak_mib /= 1 << 20;
  return figures;
}

// What of an update's size this machine has room for: an accumulator is twice its size, and on disk is the update of
// each site and three versions.
double possible(const Case& which) {
  const double memory = static_cast<double>(::sysconf(_SC_AVPHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  const double disk = static_cast<double>(std::filesystem::space(std::filesystem::temp_directory_path()).available);
  const double places = std::min<double>(static_cast<double>(which.sites), 16) + 3;
  return std::min({which.megabytes, 0.8 * memory / 2.2 / 1e6, 0.8 * disk / places / 1e6});
}

constexpr std::uint32_t kLedgerSites = 1000, kLedgerRounds[] = {6, 60};

// A run of so many rounds, as its ledger has it.
void write_ledger(const std::filesystem::path& file, std::uint32_t rounds) {
  coordinator::Ledger ledger(file);
  ledger.begin({.run = "memory", .run_id = std::string(32, 'a')});
  for (std::uint32_t round = 1; round <= rounds; ++round) {
    coordinator::RoundRow row{.round = round, .adapter_digest = std::string(64, 'd')};
    std::vector<fl::SiteScore> scores;
    for (std::uint32_t i = 0; i < kLedgerSites; ++i) {
      const SiteId site{"site" + std::to_string(i)};
      row.cohort.push_back(site);
      row.updates.push_back({.site = site,
                             .digest = std::string(64, 'e'),
                             .examples = 100,
                             .values = {{"loss", 0.5}, {"steps", 10}, {"seconds", 2.5}}});
      scores.push_back({site, round - 1, "validation", 100, {{{"confusion", {40, 10, 10, 40}}, {"loss", {50, 100}}}}});
    }
    ledger.commit(row, scores);
  }
  ledger.finish({.best_version = rounds, .reason = "all rounds are done"}, {});
}

// What it takes to go on with such a run, and to write what came of it, in a process of its own. MiB; 0: it failed.
double ledger_peak_mib(std::uint32_t rounds) {
  const auto file = std::filesystem::temp_directory_path() / ("weft_ledger_bench_" + std::to_string(::getpid()));
  const auto in_child = [](const auto& work) {
    const pid_t child = ::fork();
    if (child == 0) {
      work();
      ::_exit(0);
    }
    int status = 0;
    return ::waitpid(child, &status, 0) == child && status == 0;
  };
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return 0;
  std::filesystem::create_directories(file);
  const bool done = in_child([&] { write_ledger(file / "ledger.sqlite", rounds); }) && in_child([&] {
                      const coordinator::Ledger ledger(file / "ledger.sqlite");
                      if (ledger.history("accuracy").committed != rounds) ::_exit(1);
                      coordinator::write_summary(ledger, {.metric = "accuracy"}, [](const std::string&) {});
                      const std::string peak =
                          std::to_string(static_cast<double>(telemetry::peak_rss_bytes()) / (1 << 20));
                      if (::write(ends[1], peak.data(), peak.size()) < 0) ::_exit(1);
                    });
  ::close(ends[1]);
  const std::string peak = read_some(ends[0]);
  ::close(ends[0]);
  std::filesystem::remove_all(file);
  return done ? std::stod(peak) : 0;
}

void print(const std::string& name, double value, const char* unit,
           const nlohmann::json& more = nlohmann::json::object()) {
  nlohmann::json line{{"name", name}, {"value", value}, {"unit", unit}};
  line.update(more);
  std::cout << line << std::endl;
}

}  // namespace

int main(int count, char** words) {
  log::set_level(log::Level::error);
  const std::vector<std::string> asked(words + 1, words + count);
  std::map<std::string, Figures> all;
  for (const Case& each : kCases) {
    if (asked.empty() ? !each.by_itself : std::find(asked.begin(), asked.end(), each.name) == asked.end()) continue;
    const double megabytes = possible(each);
    const std::optional<Figures> figures = measure(each, megabytes);
    if (!figures) {
      std::cerr << "coordinator_memory_bench: a process of " << each.name << " failed\n";
      return 1;
    }
    nlohmann::json more{{"sites", each.sites}, {"update_mb", megabytes}};
    if (std::string_view(each.name).starts_with("large"))
      more.update({{"of_update_mb", 3350}, {"flare_seconds", 154}, {"flare_gib", 81.75}});
    print("coordinator_peak_rss." + std::string(each.name), figures->peak_mib, "MiB", more);
    print("round." + std::string(each.name), figures->seconds, "s", more);
    print("coordinator_peak_rss." + std::string(each.name) + ".to_update",
          figures->peak_mib * (1 << 20) / 1e6 / megabytes, "ratio");
    all[each.name] = *figures;
  }
  if (asked.empty() || std::find(asked.begin(), asked.end(), "ledger") != asked.end()) {
    const double few = ledger_peak_mib(kLedgerRounds[0]), many = ledger_peak_mib(kLedgerRounds[1]);
    print("resume_and_summary_rss.1000_sites_60_rounds", many, "MiB");
    print("resume_and_summary_rss.60_rounds_to_6", few > 0 ? many / few : 0, "ratio",
          {{"target", 1.2}, {"better", "lower"}});
  }
  if (all.contains("4_sites") && all.contains("100_sites"))
    print("coordinator_peak_rss.100_to_4", all["100_sites"].peak_mib / all["4_sites"].peak_mib, "ratio");
  if (all.contains("100_sites") && all.contains("1000_sites"))
    print("coordinator_peak_rss.1000_to_100", all["1000_sites"].peak_mib / all["100_sites"].peak_mib, "ratio");
}
