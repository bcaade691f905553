// A throwaway PKI and two ends that talk, for tests of the channel.
#pragma once
#include <gtest/gtest.h>

#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "common/crypto/pki.h"
#include "common/net/tls_client.h"
#include "common/net/tls_server.h"
#include "common/net/tls_session.h"
#include "common/net/transport.h"

namespace weft::net {

// Made once per process. "coordinator", "coordinator-p256", "alpha", "beta", "gamma-p256", "expired",
// "expired-coordinator", "early" of one CA; "coordinator" and "alpha" of another, whose CA bears the same name.
struct TestPki {
  std::filesystem::path folder, other_folder;
  crypto::CredentialFiles files(const std::string& name) const { return crypto::credential_files(folder, name); }
  crypto::CredentialFiles others(const std::string& name) const { return crypto::credential_files(other_folder, name); }
};
const TestPki& test_pki();

inline TimePoint now() { return SystemClock().now(); }
inline TimePoint soon() { return now() + Milliseconds(5); }  // one turn of a loop that has its own end
inline bool in_time(TimePoint start) { return now() < start + Milliseconds(20'000); }

// Drives a server and any number of clients from one thread and keeps the events of each.
class Driver {
 public:
  explicit Driver(ServerTransport& server) : server_(server) {}
  void add(ClientTransport& client) { clients_.push_back(&client); }
  void turn();  // lets each of them receive once

  // The next event of that kind; others before it are dropped. A test failure and a default when none comes.
  template <class Event>
  Event server_event() {
    return await<Event>(server_events_);
  }
  template <class Event>
  Event client_event(ClientTransport& client) {
    return await<Event>(client_events_[&client]);
  }
  // Connects and returns the server's view of the session.
  Connected connect(ClientTransport& client);
  std::deque<ServerEvent>& server_events() { return server_events_; }
  std::deque<ClientEvent>& client_events(ClientTransport& client) { return client_events_[&client]; }

 private:
  template <class Event, class Queue>
  Event await(Queue& queue) {
    for (const TimePoint start = now(); in_time(start); turn()) {
      while (!queue.empty()) {
        auto event = std::move(queue.front());
        queue.pop_front();
        if (auto* wanted = std::get_if<Event>(&event)) return std::move(*wanted);
      }
    }
    ADD_FAILURE() << "no such event came";
    return {};
  }

  ServerTransport& server_;
  std::vector<ClientTransport*> clients_;
  std::deque<ServerEvent> server_events_;
  std::map<ClientTransport*, std::deque<ClientEvent>> client_events_;
};

// `size` bytes that differ at every place and do not compress.
Bytes noise(std::size_t size, std::uint64_t seed);

}  // namespace weft::net
