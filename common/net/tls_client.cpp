#include "common/net/tls_client.h"

#include <algorithm>
#include <deque>

#include "common/net/tls_session.h"
#include "common/net/zmq_link.h"

namespace weft::net {
namespace {
constexpr Milliseconds kFarewell{1'000};  // for the last frames to leave after close()
constexpr int kFramesPerLook = 64;        // so that a deadline is kept while frames without events pour in
}  // namespace

struct TlsClient::Impl {
  explicit Impl(const TlsClientOptions& given)
      : options(given), context(Side::client, given.credentials), pool(std::make_shared<BufferPool>()) {}

  std::optional<ClientEvent> pop();
  void start();
  void take_frames();
  void on_frame(ByteSpan frame);
  void flush();
  void look_at_link();
  void expire();
  void go_down(const std::string& reason, bool permanent, Milliseconds farewell);
  TimePoint expiry() const {
    if (!link) return TimePoint::max();
    return up ? last_seen + options.peer_timeout : started + options.handshake_timeout;
  }

  TlsClientOptions options;
  SystemClock clock;
  Wakeup wakeup;
  TlsContext context;
  std::shared_ptr<BufferPool> pool;
  ZmqContext zmq;

  std::optional<ZmqLink> link;  // from connect() until Down
  std::optional<TlsSession> tls;
  std::shared_ptr<SendQueue> queue;
  bool up = false;
  bool lost = false;  // the connection has gone; what it brought is still to be read
  TimePoint started{}, last_seen{};
  Traffic traffic;
  std::deque<ClientEvent> events;
};

void TlsClient::Impl::start() {
  if (link) return;
  events.clear();
  up = lost = false;
  started = last_seen = clock.now();
  queue = std::make_shared<SendQueue>();
  tls.emplace(context, TlsLimits{.max_message_bytes = options.max_message_bytes}, *pool, options.coordinator_name);
  link.emplace(zmq, LinkOptions{.kind = LinkOptions::Kind::dealer,
                                .max_frame_bytes = max_frame_bytes(options.max_message_bytes),
                                .heartbeat_interval = options.heartbeat_interval,
                                .stall_timeout = options.peer_timeout});
  link->connect(options.endpoint);
  flush();
}

void TlsClient::Impl::flush() {
  FrameBuffer output = tls->take_output();
  if (output.empty()) return;
  traffic.sent += framed_bytes(output.size());
  link->send({}, std::move(output), queue, pool);
}

void TlsClient::Impl::go_down(const std::string& reason, bool permanent, Milliseconds farewell) {
  if (!link) return;
  link->linger(farewell);
  link.reset();
  tls.reset();
  up = false;
  events.push_back(Down{options.endpoint + ": " + reason, permanent});
}

void TlsClient::Impl::on_frame(ByteSpan frame) {
  last_seen = clock.now();
  traffic.received += framed_bytes(frame.size());
  if (frame.empty()) return;  // a sign of life
  tls->feed(frame);
  if (!up && tls->established()) {
    up = true;
    events.push_back(Up{tls->peer(), tls->peer_certificate()});
  }
  while (std::optional<Bytes> message = tls->next_message()) events.push_back(Message{std::move(*message)});
  flush();
  if (const std::optional<TlsEnd> end = tls->ended()) go_down(end->reason, end->permanent, kFarewell);
}

void TlsClient::Impl::take_frames() {
  for (int i = 0; i < kFramesPerLook && link && events.empty(); ++i) {
    const std::optional<Incoming> incoming = link->receive();
    if (!incoming) return;
    on_frame(incoming->frame.bytes());
  }
}

void TlsClient::Impl::look_at_link() {
  while (link && !lost) {
    const std::optional<LinkEvent> event = link->next_event();
    if (!event) return;
    if (event->kind == LinkEvent::Kind::failed && !up)
      return go_down("cannot connect; nothing listens there, or it cannot be reached, or its name is not known here",
                     false, {});
    lost = true;  // frames that came before are read first
  }
}

void TlsClient::Impl::expire() {
  if (!link || clock.now() < expiry()) return;
  if (up)
    go_down("nothing heard for " + std::to_string(options.peer_timeout.count() / 1000) + " s", false, {});
  else
    go_down("no session within " + std::to_string(options.handshake_timeout.count() / 1000) + " s", false, {});
}

std::optional<ClientEvent> TlsClient::Impl::pop() {
  if (events.empty()) return std::nullopt;
  ClientEvent event = std::move(events.front());
  events.pop_front();
  return event;
}

TlsClient::TlsClient(const TlsClientOptions& options) {
  require_endpoint(options.endpoint);
  crypto::check_credentials(options.credentials, crypto::Role::site);
  impl_ = std::make_unique<Impl>(options);
}

TlsClient::~TlsClient() { close(); }

void TlsClient::connect() { impl_->start(); }

std::optional<ClientEvent> TlsClient::receive(TimePoint deadline) {
  Impl& self = *impl_;
  for (;;) {
    self.take_frames();
    if (self.events.empty()) {
      if (self.lost) self.go_down("the connection was lost", false, {});
      self.look_at_link();
      if (!self.lost) self.expire();
    }
    if (std::optional<ClientEvent> event = self.pop()) return event;
    if (self.lost && self.link) continue;
    if (self.wakeup.take() || self.clock.now() >= deadline) return std::nullopt;
    ZmqLink::wait(self.link ? &*self.link : nullptr, std::min(deadline, self.expiry()), self.wakeup);
  }
}

void TlsClient::send(ByteSpan message) {
  Impl& self = *impl_;
  if (!self.up) return;
  self.tls->send(message);
  self.flush();
  if (const std::optional<TlsEnd> end = self.tls->ended()) return self.go_down(end->reason, end->permanent, kFarewell);
  const std::size_t queued = self.queue->bytes;
  if (queued > self.options.max_queued_bytes)
    self.go_down(human_bytes(queued) + " wait to be taken, limit " + human_bytes(self.options.max_queued_bytes) +
                     " (max_queued_bytes)",
                 false, {});
}

void TlsClient::close() {
  Impl& self = *impl_;
  if (self.link) {
    self.tls->close();
    self.flush();
    self.go_down({}, false, kFarewell);
  }
  self.events.clear();
}

void TlsClient::wake() { impl_->wakeup.wake(); }
Traffic TlsClient::traffic() const { return impl_->traffic; }

}  // namespace weft::net
