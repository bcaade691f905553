// Who may stay connected.
#include "common/net/connections.h"

#include <algorithm>

namespace weft::net {
namespace {

// How often what came is compared with what was delivered: often while strangers are there.
constexpr Milliseconds kLookAtStrangers{100}, kLookAtSites{1'000};

}  // namespace

std::optional<int> Connections::accepted(int fd, const std::string& address, TimePoint now) {
  lost(fd);  // whoever had it before
  const TimePoint until = now + limits_.handshake_timeout;
  connections_[fd] = {.number = ++last_number_, .address = address, .accepted = now, .until = until};
  strangers_[address][last_number_] = fd;
  ++unverified_;
  next_look_ = std::min(next_look_, now + kLookAtStrangers);
  if (unverified() <= limits_.max_unverified) return std::nullopt;
  const auto most = std::max_element(strangers_.begin(), strangers_.end(), [](const auto& a, const auto& b) {
    const auto &one = a.second, &other = b.second;
    if (one.size() != other.size()) return one.size() < other.size();
    return one.begin()->first > other.begin()->first;
  });
  const int oldest = most->second.begin()->second;
  lost(oldest);
  return oldest;
}

void Connections::lost(int fd) {
  const auto found = connections_.find(fd);
  if (found == connections_.end()) return;
  forget_stranger(found->second);
  connections_.erase(found);
}

void Connections::forget_stranger(const Connection& connection) {
  if (connection.verified) return;
  const auto crowd = strangers_.find(connection.address);
  crowd->second.erase(connection.number);
  if (crowd->second.empty()) strangers_.erase(crowd);
  --unverified_;
}

Connections::Id Connections::id_of(int fd) const {
  const auto found = connections_.find(fd);
  return {fd, found == connections_.end() ? 0 : found->second.number};
}

Connections::Connection* Connections::find(const Id& id) {
  const auto found = connections_.find(id.fd);
  return found == connections_.end() || found->second.number != id.number ? nullptr : &found->second;
}

void Connections::verified(const Id& id) {
  Connection* connection = find(id);
  if (connection == nullptr) return;
  forget_stranger(*connection);
  connection->verified = true;
  connection->until = TimePoint::max();
}

void Connections::end_by(const Id& id, TimePoint time) {
  Connection* connection = find(id);
  if (connection == nullptr) return;
  connection->until = std::min(connection->until, time);
  next_look_ = std::min(next_look_, time);
}

void Connections::delivered(const Id& id, std::uint64_t bytes) {
  if (Connection* connection = find(id)) connection->delivered += bytes;
}

bool Connections::floods(const Connection& connection, std::uint64_t received) const {
  return received > connection.delivered + (connection.verified ? limits_.verified_bytes : limits_.unverified_bytes);
}

void Connections::plan(TimePoint now) {
  next_look_ = now + (unverified() > 0 ? kLookAtStrangers : kLookAtSites);
  for (const auto& [fd, connection] : connections_) next_look_ = std::min(next_look_, connection.until);
}

}  // namespace weft::net
