#include "tests/chaos/sim_network.h"

namespace weft::chaos {

SimNetwork::Server::Server(SimNetwork& network, Machine& machine) : network_(network), machine_(machine) {
  network_.server_ = this;
}
SimNetwork::Server::~Server() {
  if (network_.server_ == this) network_.server_ = nullptr;
}

std::optional<net::ServerEvent> SimNetwork::Server::receive(TimePoint /*deadline*/) {
  woken = false;
  if (inbox_.empty() || !machine_.step()) return std::nullopt;
  net::ServerEvent event = std::move(inbox_.front());
  inbox_.pop_front();
  if (const auto* received = std::get_if<net::Received>(&event)) traffic_.received += received->message.size();
  return event;
}

void SimNetwork::Server::send(net::SessionId session, ByteSpan message) {
  if (!machine_.step()) return;
  traffic_.sent += message.size();
  network_.transmit(session.value, at_client, message);
}

void SimNetwork::Server::disconnect(net::SessionId session) {
  if (machine_.step()) network_.close(session.value, at_server);
}

SimNetwork::Client::Client(SimNetwork& network, Machine& machine, SiteId site)
    : network_(network), machine_(machine), site_(std::move(site)) {
  network_.clients_[site_] = this;
}
SimNetwork::Client::~Client() {
  if (network_.client(site_) == this) network_.clients_.erase(site_);
}

void SimNetwork::Client::connect() {
  if (!machine_.step()) return;
  inbox_.clear();
  attempt_ = ++network_.last_attempt_;
  network_.schedule_.after(network_.delay(),
                           [&network = network_, site = site_, attempt = attempt_] { network.dial(site, attempt); });
}

std::optional<net::ClientEvent> SimNetwork::Client::receive(TimePoint /*deadline*/) {
  woken = false;
  if (inbox_.empty() || !machine_.step()) return std::nullopt;
  net::ClientEvent event = std::move(inbox_.front());
  inbox_.pop_front();
  return event;
}

void SimNetwork::Client::send(ByteSpan message) {
  if (machine_.step() && session_ != 0) network_.transmit(session_, at_server, message);
}

void SimNetwork::Client::close() {
  if (!machine_.step()) return;
  if (session_ != 0) network_.close(session_, at_client);
  session_ = attempt_ = 0;
  inbox_.clear();
}

SimNetwork::Client* SimNetwork::client(const SiteId& site) {
  const auto found = clients_.find(site);
  return found == clients_.end() ? nullptr : found->second;
}

void SimNetwork::dial(const SiteId& site, std::uint64_t attempt) {
  Client* dialling = client(site);
  if (dialling == nullptr || dialling->attempt_ != attempt) return;
  const auto fail = [&](Milliseconds after, const char* reason, bool permanent = false) {
    schedule_.after(after, [this, site, attempt, reason, permanent] {
      Client* still = client(site);
      if (still != nullptr && still->attempt_ == attempt) still->inbox_.emplace_back(net::Down{reason, permanent});
    });
  };
  if (cut_.contains(site)) return fail(kHandshakeTimeout, "no session within 10 s");
  if (server_ == nullptr) return fail(delay(), "cannot connect; nothing listens there");
  if (revoked_.contains(site)) return fail(delay(), "certificate revoked", true);
  const std::uint64_t id = ++last_session_;
  sessions_[id].site = site;
  dialling->session_ = id;
  dialling->inbox_.emplace_back(net::Up{"coordinator", certificate});
  server_->inbox_.emplace_back(net::Connected{{id}, site});
}

void SimNetwork::transmit(std::uint64_t id, End to, ByteSpan bytes) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || !found->second.open[1 - to]) return;
  if (to == at_client && on_server_message) on_server_message(found->second.site, bytes);
  Frame frame{.number = ++found->second.sent[to], .bytes = {bytes.begin(), bytes.end()}};
  if (frame_fault == 0 || random_.uniform() >= frame_fault) return plan(id, to, std::move(frame), {});
  switch (random_.below(4)) {
    case 0:  // lost
      return;
    case 1:  // repeated
      plan(id, to, frame, {});
      return plan(id, to, std::move(frame), {});
    case 2:  // overtaken by what follows
      return plan(id, to, std::move(frame), Milliseconds(200));
    default:
      frame.torn = true;
      return plan(id, to, std::move(frame), {});
  }
}

void SimNetwork::plan(std::uint64_t id, End to, Frame frame, Milliseconds extra) {
  Session& session = sessions_.at(id);
  const Milliseconds sending(frame.bytes.size() / bytes_per_ms);
  TimePoint arrival = schedule_.now() + delay() + extra + sending;
  if (extra.count() == 0) session.last[to] = arrival = std::max(arrival, session.last[to] + sending);
  schedule_.at(arrival, [this, id, to, frame = std::move(frame)]() mutable { arrive(id, to, std::move(frame)); });
}

void SimNetwork::arrive(std::uint64_t id, End to, Frame frame) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  Session& session = found->second;
  if (cut_.contains(session.site)) return session.held.emplace_back(to, std::move(frame)), void();
  if (!session.open[to]) return;
  if (frame.torn || frame.number != session.received[to] + 1) {
    end(id, to, "a record does not authenticate");
    return end_later(id, to == at_server ? at_client : at_server, delay(), "the peer has ended the session");
  }
  ++session.received[to];
  if (to == at_server && server_ != nullptr) server_->inbox_.emplace_back(net::Received{{id}, std::move(frame.bytes)});
  if (to == at_client) client(session.site)->inbox_.emplace_back(net::Message{std::move(frame.bytes)});
}

void SimNetwork::end(std::uint64_t id, End which, const std::string& reason) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || !found->second.open[which]) return;
  Session& session = found->second;
  session.open[which] = false;
  if (which == at_server && server_ != nullptr) server_->inbox_.emplace_back(net::Disconnected{{id}, reason});
  if (which == at_client)
    if (Client* site = client(session.site); site != nullptr && site->session_ == id) {
      site->session_ = 0;
      site->inbox_.emplace_back(net::Down{reason});
    }
  if (!session.open[at_server] && !session.open[at_client]) sessions_.erase(found);
}

void SimNetwork::end_later(std::uint64_t id, End which, Milliseconds after, const std::string& reason) {
  schedule_.after(after, [this, id, which, reason] { end(id, which, reason); });
}

// What was sent before arrives before the end does.
void SimNetwork::close(std::uint64_t id, End by) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || !found->second.open[by]) return;
  Session& session = found->second;
  const End other = by == at_server ? at_client : at_server;
  const bool silent = cut_.contains(session.site);
  const TimePoint told =
      silent ? schedule_.now() + kPeerTimeout : std::max(session.last[other], schedule_.now()) + delay();
  if (by == at_server) {
    end(id, by, "ended by the coordinator");
  } else {
    session.open[by] = false;
    if (!session.open[other]) return sessions_.erase(found), void();
  }
  schedule_.at(told, [this, id, other] { end(id, other, "the peer has ended the session"); });
}

void SimNetwork::revoke(const SiteId& site) {
  revoked_.insert(site);
  std::vector<std::uint64_t> over;
  for (const auto& [id, session] : sessions_)
    if (session.site == site) over.push_back(id);
  for (const std::uint64_t id : over) close(id, at_server);
}

void SimNetwork::cut(const SiteId& site) {
  const std::uint64_t which = cut_[site] = ++last_cut_;
  schedule_.after(kPeerTimeout, [this, site, which] {
    const auto still = cut_.find(site);
    if (still == cut_.end() || still->second != which) return;
    std::vector<std::uint64_t> over;
    for (const auto& [id, session] : sessions_)
      if (session.site == site) over.push_back(id);
    for (const std::uint64_t id : over) {
      end(id, at_server, "nothing heard for 60 s");
      end(id, at_client, "nothing heard for 60 s");
    }
  });
}

void SimNetwork::heal(const SiteId& site) {
  if (cut_.erase(site) == 0) return;
  std::vector<std::uint64_t> waiting;
  for (const auto& [id, session] : sessions_)
    if (session.site == site) waiting.push_back(id);
  for (const std::uint64_t id : waiting) {
    auto held = std::move(sessions_.at(id).held);
    sessions_.at(id).held.clear();
    for (auto& [to, frame] : held) arrive(id, to, std::move(frame));
  }
}

void SimNetwork::process_ended(const SiteId* site, bool silent) {
  std::vector<std::pair<std::uint64_t, SiteId>> its;
  for (const auto& [id, session] : sessions_)
    if (site == nullptr || session.site == *site) its.emplace_back(id, session.site);
  const End gone = site == nullptr ? at_server : at_client, other = site == nullptr ? at_client : at_server;
  for (const auto& [id, peer] : its) {
    sessions_.at(id).open[gone] = false;
    if (!sessions_.at(id).open[other])
      sessions_.erase(id);
    else
      end_later(id, other, silent || cut_.contains(peer) ? kPeerTimeout : delay(), "the connection was lost");
  }
}

}  // namespace weft::chaos
