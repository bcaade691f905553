// Who is connected, how far each got, and what keeps a quiet session alive.
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/net/transport.h"
#include "common/wire/messages.h"

namespace weft::coordinator {

struct Session {
  enum class Stage { connected, welcomed, ready };
  net::SessionId id;
  SiteId site;
  Stage stage = Stage::connected;
  std::map<std::string, std::uint64_t> examples;  // per split, as Ready said
  wire::Work work;                                // what it was asked last
  TimePoint last_sent;
};

class Sessions {
 public:
  Sessions(net::ServerTransport& transport, const Clock& clock) : transport_(transport), clock_(clock) {}
  Session& add(const net::Connected& connected);  // the site has no other
  // Pointers stay good until that session is removed. nullptr: none.
  Session* find(net::SessionId id);
  Session* of(const SiteId& site);
  void remove(net::SessionId id);
  void disconnect(net::SessionId id);  // and removes it
  void send(Session& session, const wire::Message& message);
  void send(const SiteId& site, const wire::Message& message);  // dropped when the site is not ready

  const std::map<net::SessionId, Session>& all() const { return sessions_; }
  std::map<net::SessionId, Session>& all() { return sessions_; }
  TimePoint ping_due() const { return ping_due_; }  // or later, for those that were sent something since
  void ping();                                      // those that are due

 private:
  net::ServerTransport& transport_;
  const Clock& clock_;
  std::map<net::SessionId, Session> sessions_;
  std::map<SiteId, net::SessionId> by_site_;
  TimePoint ping_due_ = TimePoint::max();
};

}  // namespace weft::coordinator
