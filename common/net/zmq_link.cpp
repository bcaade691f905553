#include "common/net/zmq_link.h"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <zmq.hpp>

#include "common/base/result.h"

namespace weft::net {
namespace {

// Frames of one peer that ZeroMQ reads ahead, however long the owner is busy; then TCP holds the peer back. A peer that
// keeps to its window has four chunks on the way; one that trains says so once a second, and ZeroMQ hears its
// heartbeats only while it reads.
constexpr int kReadAheadFrames = 16;
// A lost connection means a new TLS session on a new socket, so ZeroMQ must never reconnect by itself. An interval of
// -1 would do that as well, but drops what was received and not yet read, and is silent when a name does not resolve.
constexpr int kNeverMilliseconds = 24 * 3600 * 1000;
constexpr int kHeartbeatsMissed = 3;
constexpr int kMonitored = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_CONNECT_RETRIED |
                           ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                           ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

struct Sending {
  FrameBuffer buffer;
  std::shared_ptr<SendQueue> queue;
  std::shared_ptr<BufferPool> pool;
};

// Called by ZeroMQ, in its thread, once the frame is sent or dropped.
void sent(void*, void* hint) {
  const std::unique_ptr<Sending> sending(static_cast<Sending*>(hint));
  sending->queue->bytes -= sending->buffer.size();
  sending->pool->give(std::move(sending->buffer));
}

zmq::message_t to_message(std::unique_ptr<Sending> sending) {
  if (sending->buffer.empty()) return zmq::message_t();
  sending->queue->bytes += sending->buffer.size();
  auto* data = const_cast<std::uint8_t*>(sending->buffer.bytes().data());
  const std::size_t size = sending->buffer.size();
  return {data, size, sent, sending.release()};
}

// Failure: what may be otherwise in a minute.
[[noreturn]] void refuse_endpoint(const std::string& endpoint, const zmq::error_t& error) {
  const std::string what = "network endpoint " + endpoint + ": ";
  switch (error.num()) {
    case EADDRINUSE:
      throw Failure(what + "the port is in use by another process; stop it, or choose another port");
    case EADDRNOTAVAIL:
    case ENODEV:
      throw Failure(what + "this machine has no such address; use one of its own, or tcp://0.0.0.0:PORT for all");
    case EACCES:
      throw ConfigError(what + "not permitted; choose a port above 1023");
    default:
      throw ConfigError(what + error.what() + "; expected tcp://HOST:PORT");
  }
}

}  // namespace

std::string address_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  char text[INET6_ADDRSTRLEN] = "";
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return text;
  if (address.ss_family == AF_INET)
    ::inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(&address)->sin_addr, text, sizeof text);
  if (address.ss_family != AF_INET6) return text;
  in6_addr& six = reinterpret_cast<sockaddr_in6*>(&address)->sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&six)) return ::inet_ntop(AF_INET, six.s6_addr + 12, text, sizeof text);
  std::fill(six.s6_addr + 8, six.s6_addr + 16, std::uint8_t{0});  // one host may have a whole /64
  return std::string(::inet_ntop(AF_INET6, &six, text, sizeof text)) + "/64";
}

std::uint64_t received_bytes(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_bytes_received : 0;
}

void cut(int fd) { ::shutdown(fd, SHUT_RDWR); }

void require_endpoint(const std::string& endpoint) {
  const std::string_view scheme = "tcp://";
  const std::size_t colon = endpoint.rfind(':');
  const bool shaped = endpoint.rfind(scheme, 0) == 0 && colon != std::string::npos && colon > scheme.size();
  const std::string port = shaped ? endpoint.substr(colon + 1) : "";
  const bool digits = !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos;
  if (port != "*" && (!digits || std::stoi(port) > 65'535))
    throw ConfigError("network endpoint " + endpoint + ": expected tcp://HOST:PORT, for example tcp://10.0.0.7:7733");
}

Wakeup::Wakeup() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (fd_ < 0) throw Failure(std::string("cannot make an event descriptor: ") + std::strerror(errno));
}
Wakeup::~Wakeup() { ::close(fd_); }

void Wakeup::wake() {
  woken_ = true;
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then the descriptor is readable already.
  [[maybe_unused]] const ssize_t put = ::write(fd_, &one, sizeof one);
}

bool Wakeup::take() {
  if (!woken_.exchange(false)) return false;
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(fd_, &count, sizeof count);
  return true;
}

struct ZmqContext::Impl {
  zmq::context_t context{1};
};
ZmqContext::ZmqContext() : impl_(std::make_unique<Impl>()) {}
ZmqContext::~ZmqContext() = default;

struct Frame::Impl {
  zmq::message_t message;
};
Frame::Frame(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Frame::Frame(Frame&&) noexcept = default;
Frame::~Frame() = default;
ByteSpan Frame::bytes() const { return {impl_->message.data<std::uint8_t>(), impl_->message.size()}; }

struct ZmqLink::Impl {
  Impl(zmq::context_t& context, LinkOptions::Kind kind)
      : router(kind == LinkOptions::Kind::router),
        socket(context, router ? zmq::socket_type::router : zmq::socket_type::dealer),
        monitor(context, zmq::socket_type::pair) {}
  bool router;
  zmq::socket_t socket, monitor;
};

ZmqLink::ZmqLink(ZmqContext& context, const LinkOptions& options)
    : impl_(std::make_unique<Impl>(context.impl_->context, options.kind)) {
  zmq::socket_t& socket = impl_->socket;
  const int heartbeat = static_cast<int>(options.heartbeat_interval.count());
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::ipv6, true);
  socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(options.max_frame_bytes));
  socket.set(zmq::sockopt::rcvhwm, kReadAheadFrames);
  socket.set(zmq::sockopt::sndhwm, 0);  // bytes are limited instead, by the owner of the SendQueue
  socket.set(zmq::sockopt::reconnect_ivl, kNeverMilliseconds);
  socket.set(zmq::sockopt::heartbeat_ivl, heartbeat);
  socket.set(zmq::sockopt::heartbeat_timeout, kHeartbeatsMissed * heartbeat);
  socket.set(zmq::sockopt::heartbeat_ttl, kHeartbeatsMissed * heartbeat);
  socket.set(zmq::sockopt::tcp_maxrt, static_cast<int>(options.stall_timeout.count()));
  if (impl_->router) socket.set(zmq::sockopt::router_mandatory, true);
  // A closed socket keeps its monitor's address until ZeroMQ's own thread has reaped it, so none is used twice.
  static std::atomic<std::uint64_t> monitors = 0;
  const std::string address = "inproc://monitor-" + std::to_string(++monitors);
  if (zmq_socket_monitor(socket.handle(), address.c_str(), kMonitored) != 0) throw zmq::error_t();
  impl_->monitor.set(zmq::sockopt::linger, 0);
  impl_->monitor.connect(address);
}

ZmqLink::~ZmqLink() {
  if (impl_ != nullptr) zmq_socket_monitor(impl_->socket.handle(), nullptr, 0);
}

std::string ZmqLink::bind(const std::string& endpoint) {
  require_endpoint(endpoint);
  try {
    impl_->socket.bind(endpoint);
  } catch (const zmq::error_t& error) {
    refuse_endpoint(endpoint, error);
  }
  return impl_->socket.get(zmq::sockopt::last_endpoint);
}

void ZmqLink::connect(const std::string& endpoint) {
  require_endpoint(endpoint);
  try {
    impl_->socket.connect(endpoint);
  } catch (const zmq::error_t& error) {
    refuse_endpoint(endpoint, error);
  }
}

void ZmqLink::linger(Milliseconds time) { impl_->socket.set(zmq::sockopt::linger, static_cast<int>(time.count())); }

std::optional<Incoming> ZmqLink::receive() {
  std::string route;
  auto frame = std::make_unique<Frame::Impl>();
  zmq::message_t& message = frame->message;
  if (!impl_->socket.recv(message, zmq::recv_flags::dontwait)) return std::nullopt;
  if (impl_->router) {
    route = message.to_string();
    if (!message.more() || !impl_->socket.recv(message, zmq::recv_flags::dontwait)) return std::nullopt;
  }
  const int fd = impl_->router ? zmq_msg_get(message.handle(), ZMQ_SRCFD) : -1;
  // A peer of ours sends single frames; what follows the first one of a stranger is dropped.
  for (bool more = message.more(); more;) {
    zmq::message_t surplus;
    more = impl_->socket.recv(surplus, zmq::recv_flags::dontwait) && surplus.more();
  }
  return Incoming{std::move(route), fd, Frame(std::move(frame))};
}

bool ZmqLink::send(const std::string& route, FrameBuffer frame, const std::shared_ptr<SendQueue>& queue,
                   const std::shared_ptr<BufferPool>& pool) {
  try {
    if (impl_->router) {
      const auto flags = zmq::send_flags::dontwait | zmq::send_flags::sndmore;
      if (!impl_->socket.send(zmq::buffer(route), flags)) return false;
    }
    auto sending = std::make_unique<Sending>(Sending{std::move(frame), queue, pool});
    return impl_->socket.send(to_message(std::move(sending)), zmq::send_flags::dontwait).has_value();
  } catch (const zmq::error_t& error) {
    if (error.num() == EHOSTUNREACH) return false;
    throw;
  }
}

std::optional<LinkEvent> ZmqLink::next_event() {
  zmq::message_t event, address;
  if (!impl_->monitor.recv(event, zmq::recv_flags::dontwait)) return std::nullopt;
  if (event.more()) static_cast<void>(impl_->monitor.recv(address, zmq::recv_flags::dontwait));
  std::uint16_t kind = 0;
  std::int32_t value = -1;
  if (event.size() < sizeof kind + sizeof value) return std::nullopt;
  std::memcpy(&kind, event.data(), sizeof kind);
  std::memcpy(&value, event.data<char>() + sizeof kind, sizeof value);
  if (kind == ZMQ_EVENT_ACCEPTED) return LinkEvent{LinkEvent::Kind::accepted, value};
  const bool failed = kind == ZMQ_EVENT_CLOSED || kind == ZMQ_EVENT_CONNECT_RETRIED;
  return LinkEvent{failed ? LinkEvent::Kind::failed : LinkEvent::Kind::lost,
                   kind == ZMQ_EVENT_DISCONNECTED ? value : -1};
}

void ZmqLink::wait(const ZmqLink* link, TimePoint until, const Wakeup& wakeup) {
  std::array<zmq_pollitem_t, 3> items{{{nullptr, wakeup.fd(), ZMQ_POLLIN, 0}, {}, {}}};
  if (link != nullptr) {
    items[1] = {link->impl_->socket.handle(), 0, ZMQ_POLLIN, 0};
    items[2] = {link->impl_->monitor.handle(), 0, ZMQ_POLLIN, 0};
  }
  long timeout = -1;
  if (until != TimePoint::max()) {
    const auto left = until - SystemClock().now();
    timeout = left > Milliseconds(0) ? static_cast<long>(left.count()) : 0;
  }
  zmq_poll(items.data(), link == nullptr ? 1 : 3, timeout);  // EINTR: the caller looks again
}

}  // namespace weft::net
