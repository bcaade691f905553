#include "coordinator/sessions.h"

#include <algorithm>

namespace weft::coordinator {
namespace {

constexpr Milliseconds kQuiet{20'000};  // a third of the time after which a peer counts as gone

}  // namespace

Session& Sessions::add(const net::Connected& connected) {
  by_site_[connected.site] = connected.session;
  Session& session = sessions_[connected.session];
  session.id = connected.session;
  session.site = connected.site;
  session.last_sent = clock_.now();
  ping_due_ = std::min(ping_due_, session.last_sent + kQuiet);
  return session;
}

Session* Sessions::find(net::SessionId id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

Session* Sessions::of(const SiteId& site) {
  const auto found = by_site_.find(site);
  return found == by_site_.end() ? nullptr : find(found->second);
}

void Sessions::remove(net::SessionId id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  by_site_.erase(found->second.site);
  sessions_.erase(found);
}

void Sessions::disconnect(net::SessionId id) {
  transport_.disconnect(id);
  remove(id);
}

void Sessions::send(Session& session, const wire::Message& message) {
  transport_.send(session.id, wire::encode(message));
  session.last_sent = clock_.now();
}

void Sessions::send(const SiteId& site, const wire::Message& message) {
  Session* session = of(site);
  if (session != nullptr && session->stage == Session::Stage::ready) send(*session, message);
}

void Sessions::ping() {
  const TimePoint now = clock_.now();
  if (now < ping_due_) return;
  ping_due_ = TimePoint::max();
  for (auto& [id, session] : sessions_) {
    if (now >= session.last_sent + kQuiet) send(session, wire::Ping{});
    ping_due_ = std::min(ping_due_, session.last_sent + kQuiet);
  }
}

}  // namespace weft::coordinator
