#include "tests/net/proxy_support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "common/base/result.h"

namespace weft::net {
namespace {

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {
    if (fd < 0) throw Failure(std::string("proxy socket: ") + std::strerror(errno));
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { ::close(fd_); }
  int fd() const { return fd_; }
  void shut() const { ::shutdown(fd_, SHUT_RDWR); }

 private:
  int fd_;
};

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool write_all(int fd, ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return true;
}

using Timer = std::chrono::steady_clock;

struct Link {
  Link(int from_client, int to_server) : client(from_client), server(to_server) {}
  void shut() const {
    client.shut();
    server.shut();
  }
  Socket client, server;
  std::atomic<Timer::time_point> passed = Timer::now();  // last
};

// False: nothing came for a while.
bool wait_for_bytes(int fd) {
  pollfd waits{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&waits, 1, 100) != 0;
}

struct Stream {
  Bytes recorded;
  std::optional<std::uint64_t> flip;
};

}  // namespace

struct TcpProxy::Impl {
  explicit Impl(std::uint16_t upstream_port) : upstream(upstream_port), listener(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener.fd(), plain, size) != 0 || ::listen(listener.fd(), 64) != 0 ||
        ::getsockname(listener.fd(), plain, &size) != 0)
      throw Failure(std::string("proxy: ") + std::strerror(errno));
    port = ntohs(address.sin_port);
    acceptor = std::jthread([this] { accept_all(); });
  }
  ~Impl() {
    stop();
    acceptor.join();
    pumps.clear();  // joins
  }

  void stop() {
    listener.shut();
    cut();
  }
  void cut() {
    const std::lock_guard lock(mutex);
    for (const auto& link : links) link->shut();
  }
  void accept_all();
  void pump(Link& link, Direction direction);
  Stream& stream(Direction direction) { return streams[direction == Direction::to_server ? 0 : 1]; }

  std::uint16_t upstream, port = 0;
  Socket listener;
  std::mutex mutex;
  Stream streams[2];
  int connections = 0;
  std::vector<std::shared_ptr<Link>> links;
  std::atomic<std::chrono::milliseconds> most_idle{std::chrono::hours(24)};
  std::vector<std::jthread> pumps;  // touched by the acceptor, and by the destructor after it
  std::jthread acceptor;
};

void TcpProxy::Impl::accept_all() {
  for (;;) {
    const int fd = ::accept(listener.fd(), nullptr, nullptr);
    if (fd < 0) return;
    const auto link = std::make_shared<Link>(fd, ::socket(AF_INET, SOCK_STREAM, 0));
    const sockaddr_in address = loopback(upstream);
    if (::connect(link->server.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) continue;
    {
      const std::lock_guard lock(mutex);
      ++connections;
      links.push_back(link);
    }
    pumps.emplace_back([this, link] { pump(*link, Direction::to_server); });
    pumps.emplace_back([this, link] { pump(*link, Direction::to_client); });
  }
}

void TcpProxy::Impl::pump(Link& link, Direction direction) {
  const Socket& from = direction == Direction::to_server ? link.client : link.server;
  const Socket& to = direction == Direction::to_server ? link.server : link.client;
  Bytes block(64 << 10);
  for (;;) {
    if (!wait_for_bytes(from.fd())) {
      if (Timer::now() - link.passed.load() > most_idle.load()) break;
      continue;
    }
    const ssize_t got = ::recv(from.fd(), block.data(), block.size(), 0);
    if (got <= 0) break;
    link.passed = Timer::now();
    const auto size = static_cast<std::size_t>(got);
    {
      const std::lock_guard lock(mutex);
      Stream& passed = stream(direction);
      const std::uint64_t start = passed.recorded.size();
      if (passed.flip && *passed.flip >= start && *passed.flip < start + size) {
        block[*passed.flip - start] ^= 1U;
        passed.flip.reset();
      }
      passed.recorded.insert(passed.recorded.end(), block.begin(), block.begin() + got);
    }
    if (!write_all(to.fd(), ByteSpan(block).first(size))) break;
  }
  link.shut();
}

TcpProxy::TcpProxy(const std::string& upstream)
    : impl_(std::make_unique<Impl>(static_cast<std::uint16_t>(std::stoi(upstream.substr(upstream.rfind(':') + 1))))) {}
TcpProxy::~TcpProxy() = default;

std::string TcpProxy::endpoint() const { return "tcp://127.0.0.1:" + std::to_string(impl_->port); }

Bytes TcpProxy::recorded(Direction direction) const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->stream(direction).recorded;
}

void TcpProxy::flip_bit(Direction direction, std::uint64_t offset) {
  const std::lock_guard lock(impl_->mutex);
  impl_->stream(direction).flip = offset;
}

void TcpProxy::flip_bit_ahead(Direction direction, std::uint64_t ahead) {
  const std::lock_guard lock(impl_->mutex);
  Stream& passed = impl_->stream(direction);
  passed.flip = passed.recorded.size() + ahead;
}

void TcpProxy::cut() { impl_->cut(); }

void TcpProxy::close_idle(std::chrono::milliseconds limit) { impl_->most_idle = limit; }

int TcpProxy::connections() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->connections;
}

}  // namespace weft::net
