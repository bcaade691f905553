// Is the coordinator's memory flat in the number of sites? Its own peak RSS, in a process of its own, after two rounds
// with 4 and with 64 sites over TLS and an adapter of 20 MB. The sites are processes that speak the protocol and
// compute nothing; all of them fetch and upload as fast as they can.
// Prints one JSON line per figure.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "common/base/digest.h"
#include "common/base/log.h"
#include "common/crypto/pki.h"
#include "common/net/tls_client.h"
#include "common/net/tls_server.h"
#include "common/telemetry/rss.h"
#include "common/wire/messages.h"
#include "common/wire/transfer.h"
#include "coordinator/coordinator.h"

namespace {

using namespace weft;

constexpr std::int64_t kWidth = 327'680;  // two matrices of rank 8: 5.2 M values, 20 MB
const std::string kBase(64, 'b');

std::shared_ptr<const Manifest> manifest() {
  const std::string query = "base_model.model.query.";
  return std::make_shared<const Manifest>(
      Manifest::build({{query + "lora_A.weight", {8, kWidth}}, {query + "lora_B.weight", {kWidth, 8}}}).value());
}

struct Update {
  std::shared_ptr<const Bytes> payload;
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
      if (std::holds_alternative<net::Down>(*event)) return false;
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
                      .bytes = update_.payload->size(),
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
};

struct Ignore final : telemetry::RunObserver {
  void on(const telemetry::RunEvent&) override {}
};

// The coordinator's process: tells where it listens, then its peak.
void run_coordinator(const Place& place, int out) {
  coordinator::CoordinatorOptions options;
  options.folder = place.folder / "run";
  options.run = "memory";
  options.config_digest = "bench";
  options.settings = "none: 0\n";
  options.sites = place.sites;
  options.rounds.count = 2;
  options.base_digest = kBase;
  options.initial = StateDict::zeros(manifest());
  options.scheme = metrics::classification_scheme(2);
  options.peft = {.base_model = "none", .adapter = {.target_modules = {.names = {"query"}}}};
  net::TlsServer server(
      {.endpoint = "tcp://127.0.0.1:*", .credentials = crypto::credential_files(place.folder / "pki", "coordinator")});
  const std::string endpoint = server.endpoint();
  if (::write(out, endpoint.data(), endpoint.size()) < 0) return;
  const SystemClock clock;
  Ignore ignore;
  coordinator::Coordinator(std::move(options), server, clock, ignore).run({});
  const std::string peak = std::to_string(telemetry::peak_rss_bytes());
  if (::write(out, peak.data(), peak.size()) < 0) return;
}

// A process that holds the one update for all sites, which are its children.
int run_sites(const Place& place, const std::string& endpoint) {
  Update update{.payload = std::make_shared<const Bytes>(manifest()->total() * sizeof(float)), .digest = {}};
  update.digest = sha256_hex(*update.payload);
  const std::string manifest_digest = manifest()->digest();
  for (const SiteId& site : place.sites) {
    if (::fork() != 0) continue;
    net::TlsClient client(
        {.endpoint = endpoint, .credentials = crypto::credential_files(place.folder / "pki", site.name)});
    ::_exit(StubSite(client, update, manifest_digest).run() ? 0 : 1);
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

// MiB; 0 when it failed.
double peak_with(std::size_t sites) {
  Place place{.folder = std::filesystem::temp_directory_path() /
                        ("weft_memory_bench_" + std::to_string(::getpid()) + "_" + std::to_string(sites)),
              .sites = {}};
  crypto::init_ca(place.folder / "pki");
  crypto::issue(place.folder / "pki", {.name = "coordinator", .role = crypto::Role::coordinator});
  for (std::size_t i = 0; i < sites; ++i) {
    place.sites.push_back({"site" + std::to_string(i)});
    crypto::issue(place.folder / "pki", {.name = place.sites.back().name});
  }
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return 0;
  if (::fork() == 0) {
    run_coordinator(place, ends[1]);
    ::_exit(0);
  }
  ::close(ends[1]);
  const std::string endpoint = read_some(ends[0]);
  if (::fork() == 0) ::_exit(run_sites(place, endpoint));
  const std::string peak = read_some(ends[0]);
  ::close(ends[0]);
  int status = 0, failed = 0;
  while (::wait(&status) > 0) failed += status != 0 ? 1 : 0;
  std::filesystem::remove_all(place.folder);
  return failed == 0 && !peak.empty() ? std::stod(peak) / (1 << 20) : 0;
}

}  // namespace

int main() {
  log::set_level(log::Level::error);
  const double few = peak_with(4), many = peak_with(64);
  if (few == 0 || many == 0) {
    std::cerr << "coordinator_memory_bench: a process failed\n";
    return 1;
  }
  const auto print = [](const char* name, double value, const char* unit, const nlohmann::json& more) {
    nlohmann::json line{{"name", name}, {"value", value}, {"unit", unit}};
    line.update(more);
    std::cout << line << std::endl;
  };
  print("coordinator_peak_rss.4_sites", few, "MiB", nlohmann::json::object());
  print("coordinator_peak_rss.64_sites", many, "MiB", nlohmann::json::object());
  print("coordinator_peak_rss.64_to_4", many / few, "ratio", {{"target", 1.1}, {"better", "lower"}});
}
