// What an honest site notices of attacks on its coordinator: its round trips, and the coordinator's memory and CPU
// time, without and beside each attack. Then 1,000 TLS sessions at once: how soon they stand, and what one costs in
// memory. Coordinator, attacker and honest site are three processes on loopback; each attack lasts three seconds.
// Prints one JSON line per attack.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>
#include <zmq.hpp>

#include "common/base/log.h"
#include "common/crypto/pki.h"
#include "common/net/tls_client.h"
#include "common/net/tls_server.h"
#include "common/net/tls_session.h"
#include "common/wire/messages.h"
#include "coordinator/coordinator.h"
#include "tests/bench/coordinator_hostile_peer.h"

namespace {

using namespace weft;
using Timer = std::chrono::steady_clock;

constexpr auto kAttack = std::chrono::seconds(3);
constexpr auto kBetweenProbes = std::chrono::milliseconds(25);
constexpr std::size_t kSessions = 1000, kAtOnce = 100;
const std::string kDigest(64, 'b');
const std::filesystem::path kFolder =
    std::filesystem::temp_directory_path() / ("weft_hostile_bench_" + std::to_string(::getpid()));

double milliseconds_since(Timer::time_point start) {
  return std::chrono::duration<double, std::milli>(Timer::now() - start).count();
}
crypto::CredentialFiles files(const std::string& name) { return crypto::credential_files(kFolder / "pki", name); }

std::shared_ptr<const Manifest> manifest() {  // 8 MiB
  return std::make_shared<const Manifest>(Manifest::build({{"base_model.model.head.weight", {2 << 20}}}).value());
}

// Resident MiB, and CPU seconds so far, of a process.
double resident(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/statm");
  double size = 0, pages = 0;
  file >> size >> pages;
  return pages * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}
double cpu_seconds(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string word;
  double ticks = 0;
  for (int field = 1; field <= 15 && file >> word; ++field)
    if (field >= 14) ticks += std::stod(word);
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

struct Quiet final : telemetry::RunObserver {
  void on(const telemetry::RunEvent& /*event*/) override {}
};

void tell(int pipe, const std::string& endpoint) {
  if (::write(pipe, endpoint.data(), endpoint.size()) < 0) ::_exit(1);
}

// A run that waits for updates that never come.
[[noreturn]] void run_coordinator(int pipe) {
  net::TlsServer server({.endpoint = "tcp://127.0.0.1:*", .credentials = files("coordinator")});
  tell(pipe, server.endpoint());
  coordinator::CoordinatorOptions options;
  options.folder = kFolder / "run";
  options.run = "hostile";
  options.config_digest = "bench";
  options.settings = "task: {kind: sequence_classification}\n";
  options.sites = {{"honest"}, {"flood"}};
  options.base_digest = kDigest;
  options.initial = StateDict::zeros(manifest());
  options.scheme = metrics::classification_scheme(2);
  options.peft = {.base_model = "none", .adapter = {.target_modules = {.names = {"none"}}}};
  const SystemClock clock;
  Quiet quiet;
  coordinator::Coordinator(std::move(options), server, clock, quiet).run({});
  ::_exit(0);
}

[[noreturn]] void run_server(int pipe) {
  net::TlsServer server({.endpoint = "tcp://127.0.0.1:*", .credentials = files("coordinator")});
  tell(pipe, server.endpoint());
  for (;;) server.receive(TimePoint::max());
}

// --- attacks: each does one small thing, again and again; the number of those is counted.

using Attack = std::function<void()>;

// A site with a certificate that comes back as soon as it is cut off.
class FloodingSite {
 public:
  FloodingSite(const std::string& endpoint, bool reads)
      : client_({.endpoint = endpoint, .credentials = files("flood")}), reads_(reads) {}
  void say(const wire::Message& message) {
    if (!up_) return join();
    client_.send(wire::encode(message));
    if (++said_ % 64 == 0 && (reads_ || said_ % 4096 == 0))
      while (const auto event = client_.receive(SystemClock().now())) up_ &= !std::holds_alternative<net::Down>(*event);
  }

 private:
  void join() {
    client_.connect();
    const TimePoint until = SystemClock().now() + Milliseconds(500);
    while (const auto event = client_.receive(until)) {
      if (std::holds_alternative<net::Down>(*event)) return;
      if (std::holds_alternative<net::Up>(*event)) client_.send(wire::encode(wire::Hello{.weft_version = "bench"}));
      if (!std::holds_alternative<net::Message>(*event)) continue;
      const std::string manifest_digest = manifest()->digest();
      client_.send(wire::encode(wire::Ready{kDigest, manifest_digest, {{"train", 10}}}));
      up_ = true;
      return;
    }
  }
  net::TlsClient client_;
  bool reads_, up_ = false;
  std::uint64_t said_ = 0;
};

Attack site_that_says(const std::string& endpoint, const std::function<wire::Message(std::uint64_t)>& what,
                      bool reads = true) {
  auto site = std::make_shared<FloodingSite>(endpoint, reads);
  return [site, what, count = std::uint64_t{0}]() mutable { site->say(what(++count)); };
}

// Keeps `most` connections; each new one does `what`.
Attack strangers(const std::string& endpoint, std::size_t most, const std::function<void(HostilePeer&)>& what) {
  auto peers = std::make_shared<std::vector<HostilePeer>>();
  return [=, at = std::size_t{0}]() mutable {
    HostilePeer peer(endpoint);
    what(peer);
    if (peers->size() < most)
      peers->push_back(std::move(peer));
    else
      (*peers)[at++ % most] = std::move(peer);
  };
}

Attack frames(const std::string& endpoint, const Bytes& frame, bool last) {
  auto peer = std::make_shared<HostilePeer>(endpoint);
  peer->greet();
  return [=] {
    peer->send_frame(frame, last);
    if (peer->open()) return;
    *peer = HostilePeer(endpoint);
    peer->greet();
  };
}

Bytes client_hello() {
  const net::TlsContext context(net::Side::client, files("honest"));
  net::BufferPool pool;
  net::TlsSession session(context, {}, pool);
  const net::FrameBuffer frame = session.take_output();
  return {frame.bytes().begin(), frame.bytes().end()};
}

struct Scenario {
  const char* name;
  double most_per_second;
  std::function<Attack(const std::string& endpoint)> make;
};

std::vector<Scenario> scenarios() {
  const auto hello = [flight = client_hello()](HostilePeer& peer) {
    peer.greet();
    peer.send_frame(flight, true);
  };
  const auto offer = [](std::uint64_t count) {
    std::string digest = std::to_string(count);
    digest.insert(0, 64 - digest.size(), '0');
    return wire::Offer{.round = 1, .digest = digest, .bytes = 8 << 20, .examples = 10};
  };
  const auto tally = [](std::uint64_t) {
    return wire::Metrics{
        .split = "validation", .examples = 1, .tally = {{{"loss", std::vector<double>(wire::kMaxTallyNumbers, 1)}}}};
  };
  return {
      {"none", 0, {}},
      {"silent_connections", 2'000, [](auto& to) { return strangers(to, 500, [](HostilePeer&) {}); }},
      {"half_open_handshakes", 300, [=](auto& to) { return strangers(to, 900, hello); }},
      {"handshake_flood", 2'000, [=](auto& to) { return strangers(to, 4, hello); }},
      {"garbage_frames", 10'000, [](auto& to) { return frames(to, Bytes(100, 'x'), true); }},
      {"endless_message", 10'000, [](auto& to) { return frames(to, Bytes(1 << 20), false); }},
      {"site_pings", 10'000, [](auto& to) { return site_that_says(to, [](auto) { return wire::Ping{}; }); }},
      {"site_offers", 10'000, [=](auto& to) { return site_that_says(to, offer); }},
      {"site_fetches_and_never_reads", 10'000,
       [](auto& to) {
         return site_that_says(
             to, [](auto) { return wire::Fetch{}; }, false);
       }},
      {"site_sends_huge_tallies", 1'000, [=](auto& to) { return site_that_says(to, tally); }},
  };
}

// Waits for the number of a scenario, attacks, and answers how often.
[[noreturn]] void run_attacker(int orders, int answers, const std::string& endpoint) {
  const auto all = scenarios();
  for (std::uint32_t which = 0; ::read(orders, &which, sizeof which) == sizeof which;) {
    const auto began = Timer::now();
    std::uint64_t times = 0;
    if (const Scenario& scenario = all[which]; scenario.make) {
      const Attack attack = scenario.make(endpoint);
      while (Timer::now() - began < kAttack) {
        attack();
        ++times;
        std::this_thread::sleep_until(
            began + std::chrono::duration<double>(static_cast<double>(times) / scenario.most_per_second));
      }
    } else {
      std::this_thread::sleep_for(kAttack);
    }
    if (::write(answers, &times, sizeof times) < 0) ::_exit(1);
  }
  ::_exit(0);
}

// --- the honest site

class HonestSite {
 public:
  explicit HonestSite(const std::string& endpoint) : client_({.endpoint = endpoint, .credentials = files("honest")}) {
    client_.connect();
    while (const auto event = client_.receive(TimePoint::max())) {
      if (const auto* down = std::get_if<net::Down>(&*event)) throw Failure(down->reason);
      if (std::holds_alternative<net::Up>(*event)) client_.send(wire::encode(wire::Hello{.weft_version = "bench"}));
      const auto* message = std::get_if<net::Message>(&*event);
      if (message == nullptr) continue;
      client_.send(wire::encode(wire::Ready{kDigest, manifest()->digest(), {{"train", 10}}}));
      return;
    }
  }
  // An update of a round that never was, and the answer that it is late.
  double round_trip() {
    const auto start = Timer::now();
    client_.send(wire::encode(wire::Offer{.round = 999, .digest = kDigest, .bytes = 4, .examples = 1}));
    while (const auto event = client_.receive(TimePoint::max())) {
      if (const auto* down = std::get_if<net::Down>(&*event)) throw Failure(down->reason);
      const auto* message = std::get_if<net::Message>(&*event);
      if (message != nullptr && std::holds_alternative<wire::Settled>(wire::decode(message->bytes).value())) break;
    }
    return milliseconds_since(start);
  }

 private:
  net::TlsClient client_;
};

void measure(HonestSite& site, pid_t coordinator, int orders, int answers) {
  const auto all = scenarios();
  for (std::uint32_t which = 0; which < all.size(); ++which) {
    if (::write(orders, &which, sizeof which) < 0) return;
    const auto began = Timer::now();
    const double cpu = cpu_seconds(coordinator);
    std::vector<double> times;
    double most = 0;
    while (Timer::now() - began < kAttack) {
      times.push_back(site.round_trip());
      most = std::max(most, resident(coordinator));
      std::this_thread::sleep_for(kBetweenProbes);
    }
    const double used = (cpu_seconds(coordinator) - cpu) / (milliseconds_since(began) / 1e3);
    std::uint64_t attempts = 0;
    if (::read(answers, &attempts, sizeof attempts) != sizeof attempts) return;
    std::sort(times.begin(), times.end());
    std::cout << nlohmann::json{{"name", std::string("hostile.") + all[which].name},
                                {"rtt_p50_ms", times[times.size() / 2]},
                                {"rtt_p99_ms", times[times.size() * 99 / 100]},
                                {"probes", times.size()},
                                {"coordinator_rss_mib", most},
                                {"coordinator_cores", used},
                                {"attempts_per_second", static_cast<double>(attempts) / 3}}
              << std::endl;
  }
}

// --- many sessions

struct Session {
  zmq::socket_t socket;
  net::TlsSession tls;
};

void measure_sessions(const std::string& endpoint, pid_t server) {
  const double before = resident(server);
  const net::TlsContext context(net::Side::client, files("honest"));
  net::BufferPool pool;
  zmq::context_t zmq;
  zmq.set(zmq::ctxopt::max_sockets, 2 * kSessions);
  std::vector<Session> sessions;
  const auto flush = [](Session& session) {
    const net::FrameBuffer out = session.tls.take_output();
    if (!out.empty()) session.socket.send(zmq::buffer(out.bytes().data(), out.size()), zmq::send_flags::none);
  };
  const auto began = Timer::now();
  for (std::size_t open = 0; open < kSessions;) {
    while (sessions.size() < kSessions && sessions.size() < open + kAtOnce) {
      sessions.push_back({zmq::socket_t(zmq, zmq::socket_type::dealer), net::TlsSession(context, {}, pool)});
      sessions.back().socket.set(zmq::sockopt::linger, 0);
      sessions.back().socket.set(zmq::sockopt::reconnect_ivl, -1);
      sessions.back().socket.connect(endpoint);
      flush(sessions.back());
    }
    open = 0;
    for (Session& session : sessions) {
      zmq::message_t frame;
      while (!session.tls.established() && session.socket.recv(frame, zmq::recv_flags::dontwait)) {
        session.tls.feed({frame.data<std::uint8_t>(), frame.size()});
        flush(session);
      }
      if (session.tls.ended()) throw Failure(session.tls.ended()->reason);
      open += session.tls.established() ? 1 : 0;
    }
  }
  const double seconds = milliseconds_since(began) / 1e3;
  std::cout << nlohmann::json{{"name", "sessions_1000"},
                              {"handshakes_per_second", kSessions / seconds},
                              {"server_kib_per_session", (resident(server) - before) * 1024 / kSessions}}
            << std::endl;
}

struct Process {
  pid_t id;
  std::string endpoint;
};

Process start(void (*run)(int pipe)) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw Failure("no pipe");
  const pid_t id = ::fork();
  if (id == 0) run(ends[1]);
  char endpoint[128] = {};
  if (::read(ends[0], endpoint, sizeof endpoint - 1) <= 0) throw Failure("it did not start");
  return {id, endpoint};
}

void stop(pid_t process) {
  ::kill(process, SIGKILL);
  ::waitpid(process, nullptr, 0);
}

}  // namespace

int main() {
  log::set_level(log::Level::error);
  crypto::init_ca(kFolder / "pki");
  crypto::issue(kFolder / "pki", {.name = "coordinator", .role = crypto::Role::coordinator});
  for (const char* site : {"honest", "flood"}) crypto::issue(kFolder / "pki", {.name = site});
  const Process coordinator = start(run_coordinator), server = start(run_server);
  int orders[2], answers[2];
  if (::pipe2(orders, O_CLOEXEC) != 0 || ::pipe2(answers, O_CLOEXEC) != 0) return 1;
  const pid_t attacker = ::fork();  // before there are threads
  if (attacker == 0) run_attacker(orders[0], answers[1], coordinator.endpoint);
  int code = 0;
  try {
    {
      HonestSite site(coordinator.endpoint);
      for (int i = 0; i < 110; ++i) site.round_trip();  // after so many, refusals are no longer written down
      measure(site, coordinator.id, orders[1], answers[0]);
    }
    measure_sessions(server.endpoint, server.id);
  } catch (const std::exception& error) {
    std::cerr << "coordinator_hostile_bench: " << error.what() << '\n';
    code = 1;
  }
  for (const pid_t process : {coordinator.id, server.id, attacker}) stop(process);
  std::filesystem::remove_all(kFolder);
  return code;
}
