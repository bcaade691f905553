#include "common/net/tls_server.h"

#include <sys/resource.h>

#include <algorithm>
#include <deque>
#include <unordered_map>

#include "common/base/log.h"
#include "common/crypto/revocation.h"
#include "common/net/connections.h"
#include "common/net/tls_session.h"
#include "common/net/zmq_link.h"

namespace weft::net {
namespace {
constexpr Milliseconds kFarewell{1'000};
constexpr int kFramesPerLook = 64;  // so that a deadline is kept while frames without events pour in
// A site that never stops sending must not keep the others' lost connections and timers from being looked at.
constexpr Milliseconds kLookEvery{50};
constexpr std::size_t kMostTold = 20;      // lines about refused peers ...
constexpr Milliseconds kTellAnew{60'000};  // ... in this time
// After ZeroMQ reports a lost connection its route dies a moment later; looked for at these delays.
constexpr Milliseconds kProbeDelays[] = {Milliseconds(10), Milliseconds(100), Milliseconds(1'000)};

// A connection, from its first frame until it has gone. Without `tls` its session has ended and frames are dropped.
struct Peer {
  std::string route;
  Connections::Id connection;
  std::optional<TlsSession> tls;
  std::optional<SessionId> session;  // once verified
  std::shared_ptr<SendQueue> queue = std::make_shared<SendQueue>();
  TimePoint started{}, last_seen{}, last_sent{};
  Traffic traffic;
};

struct Probe {
  TimePoint at;
  int fd;
};

// With all places taken there must be descriptors left for the files of a run. Asks for more of them if there are not.
std::size_t sessions_that_fit(std::size_t wanted, std::size_t unverified) {
  constexpr rlim_t kOthers = 256;
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return wanted;
  const rlim_t needed = wanted + unverified + kOthers;
  if (files.rlim_cur < needed) {
    files.rlim_cur = std::min(needed, files.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  if (files.rlim_cur >= needed) return wanted;
  const rlim_t left = files.rlim_cur - std::min(files.rlim_cur - 1, unverified + kOthers);
  log::warn("this machine lets a process open " + std::to_string(files.rlim_cur) + " files (ulimit -n): at most " +
            std::to_string(left) + " sites can be connected, " + std::to_string(wanted) + " were planned for");
  return left;
}
}  // namespace

struct TlsServer::Impl {
  explicit Impl(const TlsServerOptions& given)
      : options(given),
        revoked(crypto::read_revocations(given.credentials.ca)),
        context(Side::server, given.credentials),
        pool(std::make_shared<BufferPool>()),
        link(zmq, {.kind = LinkOptions::Kind::router,
                   .max_frame_bytes = max_frame_bytes(given.max_message_bytes),
                   .heartbeat_interval = given.heartbeat_interval,
                   .stall_timeout = given.peer_timeout}),
        endpoint(link.bind(given.endpoint)),
        connections({.max_unverified = given.max_unverified,
                     .handshake_timeout = given.handshake_timeout + kFarewell,  // for the reason to be told
                     .verified_bytes = 64 * max_frame_bytes(given.max_message_bytes)}) {
    options.max_sessions = sessions_that_fit(given.max_sessions, given.max_unverified);
  }

  std::optional<ServerEvent> pop();
  bool take_frames();  // whether none is left
  bool all_heard();
  void on_frame(Incoming incoming);
  void on_first_frame(Peer& peer);
  void on_records(Peer& peer, ByteSpan frame);
  void answer_silence(Peer& peer);
  void flush(Peer& peer);
  bool hand_over(Peer& peer, FrameBuffer frame);
  void end(Peer& peer, const TlsEnd& reason);
  void tell(bool warning, const std::string& text);
  Peer* find(SessionId session);
  void look_at_link();
  void take_link_events();
  void run_probes();
  void probe(int fd);
  void expire();
  TimePoint expiry(const Peer& peer) const {
    return peer.session ? peer.last_seen + options.peer_timeout : peer.started + options.handshake_timeout;
  }
  TimePoint next_timer() const {
    const TimePoint next = std::min(next_expiry, connections.wake_at());
    return probes.empty() ? next : std::min(next, probes.front().at);
  }

  TlsServerOptions options;
  std::vector<crypto::Revocation> revoked;
  std::map<SiteId, std::string> certificates;  // PEM, of each site's newest session
  SystemClock clock;
  Wakeup wakeup;
  TlsContext context;
  std::shared_ptr<BufferPool> pool;
  ZmqContext zmq;
  ZmqLink link;
  std::string endpoint;
  Connections connections;

  std::unordered_map<std::string, Peer> peers;        // by route; node-based, so addresses stay
  std::unordered_map<std::uint64_t, Peer*> sessions;  // live ones, verified
  std::size_t open = 0;                               // peers with tls
  std::uint64_t last_session = 0;
  std::deque<Probe> probes;  // by time
  TimePoint next_look{}, telling_since{};
  std::size_t told = 0;                      // refused peers, since then
  std::size_t taken = 0;                     // frames, since every peer that had one waiting was heard
  TimePoint next_expiry = TimePoint::max();  // no peer expires before
  Traffic traffic;
  std::deque<ServerEvent> events;
};

std::optional<ServerEvent> TlsServer::Impl::pop() {
  if (events.empty()) return std::nullopt;
  ServerEvent event = std::move(events.front());
  events.pop_front();
  return event;
}

bool TlsServer::Impl::take_frames() {
  for (int i = 0; i < kFramesPerLook && events.empty(); ++i) {
    std::optional<Incoming> incoming = link.receive();
    if (!incoming) {
      taken = 0;
      return true;
    }
    ++taken;
    on_frame(std::move(*incoming));
  }
  return false;
}

// Whoever waits in the queue has been heard before its silence is judged: ZeroMQ takes frames from its peers in turn.
bool TlsServer::Impl::all_heard() {
  if (taken <= 2 * peers.size() + kFramesPerLook) return false;
  taken = 0;
  return true;
}

void TlsServer::Impl::on_frame(Incoming incoming) {
  const ByteSpan frame = incoming.frame.bytes();
  traffic.received += framed_bytes(frame.size());
  auto found = peers.find(incoming.route);
  if (found == peers.end()) {
    if (frame.empty()) return;
    take_link_events();  // the one that says that it was accepted came before its first frame
    found = peers.emplace(incoming.route, Peer{.route = incoming.route, .connection = connections.id_of(incoming.fd)})
                .first;
    on_first_frame(found->second);
  }
  Peer& peer = found->second;
  peer.last_seen = clock.now();
  peer.traffic.received += framed_bytes(frame.size());
  connections.delivered(peer.connection, framed_bytes(frame.size()));
  if (!peer.tls) return;
  if (!frame.empty()) on_records(peer, frame);
  if (peer.tls) answer_silence(peer);
}

void TlsServer::Impl::on_first_frame(Peer& peer) {
  peer.started = peer.last_seen = peer.last_sent = clock.now();
  if (open >= options.max_sessions) {
    tell(true, "a peer was turned away: " + std::to_string(open) + " sessions are open, limit " +
                   std::to_string(options.max_sessions));
    FrameBuffer alert;
    alert.append(full_server_alert());
    hand_over(peer, std::move(alert));
    connections.end_by(peer.connection, clock.now() + kFarewell);
    return;
  }
  peer.tls.emplace(context, TlsLimits{.max_message_bytes = options.max_message_bytes}, *pool);
  ++open;
  next_expiry = std::min(next_expiry, expiry(peer));
}

void TlsServer::Impl::on_records(Peer& peer, ByteSpan frame) {
  peer.tls->feed(frame);
  if (!peer.session && !peer.tls->peer().empty()) {
    peer.session = SessionId{++last_session};
    sessions.emplace(peer.session->value, &peer);
    connections.verified(peer.connection);
    certificates[SiteId{peer.tls->peer()}] = peer.tls->peer_certificate();
    next_expiry = std::min(next_expiry, expiry(peer));
    events.push_back(Connected{*peer.session, SiteId{peer.tls->peer()}});
  }
  while (std::optional<Bytes> message = peer.tls->next_message())
    events.push_back(Received{*peer.session, std::move(*message)});
  flush(peer);
  if (!peer.tls) return;
  if (const std::optional<TlsEnd> reason = peer.tls->ended()) end(peer, *reason);
}

// A site that only sends would not know whether anyone is there.
void TlsServer::Impl::answer_silence(Peer& peer) {
  if (!peer.session || clock.now() - peer.last_sent < options.peer_timeout / 3) return;
  if (!hand_over(peer, {})) end(peer, {"the connection was lost"});
}

void TlsServer::Impl::flush(Peer& peer) {
  FrameBuffer output = peer.tls->take_output();
  if (output.empty()) return;
  if (!hand_over(peer, std::move(output))) return end(peer, {"the connection was lost"});
  const std::size_t queued = peer.queue->bytes;
  if (queued > options.max_queued_bytes)
    end(peer, {"it does not take its data: " + human_bytes(queued) + " wait, limit " +
               human_bytes(options.max_queued_bytes) + " (max_queued_bytes)"});
}

bool TlsServer::Impl::hand_over(Peer& peer, FrameBuffer frame) {
  const std::uint64_t size = framed_bytes(frame.size());
  if (!link.send(peer.route, std::move(frame), peer.queue, pool)) return false;
  peer.last_sent = clock.now();
  peer.traffic.sent += size;
  traffic.sent += size;
  return true;
}

void TlsServer::Impl::end(Peer& peer, const TlsEnd& reason) {
  if (!peer.tls) return;
  peer.tls.reset();
  --open;
  connections.end_by(peer.connection, clock.now() + kFarewell);
  if (!peer.session) {
    return tell(reason.permanent, "a peer was refused in the handshake: " + reason.reason);
  }
  sessions.erase(peer.session->value);
  events.push_back(Disconnected{*peer.session, reason.reason});
}

// Strangers cannot fill the log.
void TlsServer::Impl::tell(bool warning, const std::string& text) {
  if (clock.now() - telling_since >= kTellAnew) {
    if (told > kMostTold) log::warn(std::to_string(told - kMostTold) + " more peers were refused since");
    telling_since = clock.now();
    told = 0;
  }
  if (++told <= kMostTold) (warning ? log::warn : log::info)(text);
}

Peer* TlsServer::Impl::find(SessionId session) {
  const auto found = sessions.find(session.value);
  return found == sessions.end() ? nullptr : found->second;
}

void TlsServer::Impl::take_link_events() {
  const TimePoint now = clock.now();
  while (const std::optional<LinkEvent> event = link.next_event()) {
    if (event->kind == LinkEvent::Kind::accepted)
      if (const auto crowded = connections.accepted(event->fd, address_of(event->fd), now)) cut(*crowded);
    // Without a descriptor it is of a connection that never got so far as to have a route.
    if (event->kind != LinkEvent::Kind::lost || event->fd < 0) continue;
    connections.lost(event->fd);
    for (const Milliseconds delay : kProbeDelays) probes.push_back({now + delay, event->fd});
  }
}

void TlsServer::Impl::look_at_link() {
  next_look = clock.now() + kLookEvery;
  take_link_events();
  for (const int fd : connections.due(clock.now(), received_bytes)) cut(fd);
  std::sort(probes.begin(), probes.end(), [](const Probe& a, const Probe& b) { return a.at < b.at; });
  run_probes();
}

void TlsServer::Impl::run_probes() {
  while (!probes.empty() && probes.front().at <= clock.now()) {
    const int fd = probes.front().fd;
    probes.pop_front();
    probe(fd);
  }
}

// File descriptors are used again, so one only says where to look: an empty frame shows whether the route still stands.
void TlsServer::Impl::probe(int fd) {
  for (auto at = peers.begin(); at != peers.end();) {
    Peer& peer = at->second;
    const bool suspect = peer.connection.fd < 0 || peer.connection.fd == fd;
    if (!suspect || hand_over(peer, {})) {
      ++at;
      continue;
    }
    end(peer, {"the connection was lost"});
    at = peers.erase(at);
  }
}

void TlsServer::Impl::expire() {
  const TimePoint now = clock.now();
  if (now < next_expiry) return;
  next_expiry = TimePoint::max();
  for (auto& [route, peer] : peers) {
    if (!peer.tls) continue;
    if (now < expiry(peer)) {
      next_expiry = std::min(next_expiry, expiry(peer));
      continue;
    }
    const auto seconds = (peer.session ? options.peer_timeout : options.handshake_timeout).count() / 1000;
    const char* what = peer.session ? "nothing heard for " : "no proof of identity within ";
    peer.tls->close();
    FrameBuffer farewell = peer.tls->take_output();
    if (!farewell.empty()) hand_over(peer, std::move(farewell));
    end(peer, {what + std::to_string(seconds) + " s"});
  }
}

TlsServer::TlsServer(const TlsServerOptions& options) {
  crypto::check_credentials(options.credentials, crypto::Role::coordinator);
  impl_ = std::make_unique<Impl>(options);
}

TlsServer::~TlsServer() {
  impl_->link.linger(kFarewell);
  for (auto& [id, peer] : impl_->sessions) {
    peer->tls->close();
    FrameBuffer farewell = peer->tls->take_output();
    if (!farewell.empty()) impl_->hand_over(*peer, std::move(farewell));
  }
}

const std::string& TlsServer::endpoint() const { return impl_->endpoint; }

std::optional<ServerEvent> TlsServer::receive(TimePoint deadline) {
  Impl& self = *impl_;
  for (;;) {
    const bool drained = self.take_frames();
    if (self.events.empty() || self.clock.now() >= self.next_look) {
      self.look_at_link();
      if (drained || self.all_heard()) self.expire();
    }
    if (std::optional<ServerEvent> event = self.pop()) return event;
    if (self.wakeup.take() || self.clock.now() >= deadline) return std::nullopt;
    ZmqLink::wait(&self.link, std::min(deadline, self.next_timer()), self.wakeup);
  }
}

void TlsServer::send(SessionId session, ByteSpan message) {
  Peer* peer = impl_->find(session);
  if (peer == nullptr) return;
  peer->tls->send(message);
  impl_->flush(*peer);
}

void TlsServer::disconnect(SessionId session) {
  Peer* peer = impl_->find(session);
  if (peer == nullptr) return;
  peer->tls->close();
  impl_->flush(*peer);
  impl_->end(*peer, {"ended by the coordinator"});
}

// Nobody's time runs out here: what they sent waits to be taken.
void TlsServer::mind() {
  Impl& self = *impl_;
  if (self.clock.now() < self.next_look) return;
  self.next_look = self.clock.now() + kLookEvery;
  self.take_link_events();
  for (const int fd : self.connections.flooding(received_bytes)) cut(fd);
}

std::vector<SiteId> TlsServer::reload_revocations() {
  std::vector<crypto::Revocation> revoked = crypto::read_revocations(impl_->options.credentials.ca);
  for (const crypto::Revocation& before : impl_->revoked)
    if (std::ranges::none_of(revoked, [&](const auto& now) { return now.serial == before.serial; }))
      throw ConfigError(crypto::revocation_list_of(impl_->options.credentials.ca).string() +
                        ": the certificate with serial number " + before.serial +
                        " is revoked, but not there any more, and a revocation is for ever; put the newest list there");
  impl_->context.reload_revocations();
  const std::vector<crypto::Revocation> before = std::exchange(impl_->revoked, revoked);
  std::vector<SiteId> shut_out;
  for (const auto& [site, certificate] : impl_->certificates) {
    const Result<crypto::CertificateFacts> facts = crypto::facts_of_pem(certificate);
    if (facts && crypto::holds(revoked, facts.value()) && !crypto::holds(before, facts.value()))
      shut_out.push_back(site);
  }
  for (auto& [route, peer] : impl_->peers) {
    if (!peer.tls || !peer.session || std::ranges::count(shut_out, SiteId{peer.tls->peer()}) == 0) continue;
    peer.tls->close();
    impl_->flush(peer);
    impl_->end(peer, {"its certificate was revoked"});
  }
  return shut_out;
}

std::size_t TlsServer::revoked() const { return impl_->revoked.size(); }
void TlsServer::wake() { impl_->wakeup.wake(); }
Traffic TlsServer::traffic() const { return impl_->traffic; }

Traffic TlsServer::traffic(SessionId session) const {
  const Peer* peer = impl_->find(session);
  return peer == nullptr ? Traffic{} : peer->traffic;
}

}  // namespace weft::net
