// The connections of a server, by file descriptor, and which of them must go: those that do not show who they are in
// time, those that are too many, and those that send what never becomes a message. ZeroMQ itself bounds none of these:
// it keeps a peer that says nothing for ever, and holds the parts of an unfinished message without a limit. Pure: the
// caller closes what is named, and passes the time. For sources of net only.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"

namespace weft::net {

struct ConnectionLimits {
  std::size_t max_unverified = 1024;
  Milliseconds handshake_timeout{10'000};
  std::uint64_t unverified_bytes = 256 << 10;  // received and not delivered, of a peer that is not verified ...
  std::uint64_t verified_bytes = 128 << 20;    // ... and of one that is
};

class Connections {
 public:
  // A descriptor is used again once it is closed; the number of the connection is not.
  struct Id {
    int fd = -1;
    std::uint64_t number = 0;
    bool operator==(const Id&) const = default;
  };

  explicit Connections(const ConnectionLimits& limits) : limits_(limits) {}
  // Answers whom to close when these are too many: the oldest unverified connection of the address that has most of
  // them, so that whoever floods the server from one address is in nobody's way but their own; of equal crowds the
  // one that has the oldest connection.
  std::optional<int> accepted(int fd, const std::string& address, TimePoint now);
  void lost(int fd);
  Id id_of(int fd) const;  // of the connection that has this descriptor now; number 0: unknown
  // Of a connection that has gone they change nothing.
  void verified(const Id& id);
  void end_by(const Id& id, TimePoint time);  // close it then, if it has not gone by itself
  void delivered(const Id& id, std::uint64_t bytes);

  // Whom to close now. `received(fd)`: bytes that have come over that connection.
  template <class Received>
  std::vector<int> due(TimePoint now, const Received& received);
  // The same while nobody takes what has come: those alone that have sent too much.
  template <class Received>
  std::vector<int> flooding(const Received& received);
  TimePoint wake_at() const { return connections_.empty() ? TimePoint::max() : next_look_; }
  std::size_t unverified() const { return unverified_; }

 private:
  struct Connection {
    std::uint64_t number = 0;
    std::string address;
    TimePoint accepted, until;
    bool verified = false;
    std::uint64_t delivered = 0;
  };
  Connection* find(const Id& id);
  void forget_stranger(const Connection& connection);
  bool floods(const Connection& connection, std::uint64_t received) const;
  template <class MustGo>
  std::vector<int> remove(const MustGo& must_go);
  void plan(TimePoint now);

  ConnectionLimits limits_;
  std::map<int, Connection> connections_;
  std::map<std::string, std::map<std::uint64_t, int>> strangers_;  // unverified, by address and then by age
  std::size_t unverified_ = 0;
  std::uint64_t last_number_ = 0;
  TimePoint next_look_ = TimePoint::max();
};

template <class MustGo>
std::vector<int> Connections::remove(const MustGo& must_go) {
  std::vector<int> close;
  std::erase_if(connections_, [&](const auto& entry) {
    if (!must_go(entry.first, entry.second)) return false;
    close.push_back(entry.first);
    forget_stranger(entry.second);
    return true;
  });
  return close;
}

template <class Received>
std::vector<int> Connections::due(TimePoint now, const Received& received) {
  if (now < wake_at()) return {};
  std::vector<int> close = remove([&](int fd, const Connection& connection) {
    return now >= connection.until || floods(connection, received(fd));
  });
  plan(now);
  return close;
}

template <class Received>
std::vector<int> Connections::flooding(const Received& received) {
  return remove([&](int fd, const Connection& connection) { return floods(connection, received(fd)); });
}

}  // namespace weft::net
