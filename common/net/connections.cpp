// Who may stay connected.
#include "common/net/connections.h"

#include <algorithm>

namespace weft::net {
namespace {

// How often what came is compared with what was delivered: often while strangers are there.
constexpr Milliseconds kLookAtStrangers{100}, kLookAtSites{1'000};

}  // namespace

std::optional<int> Connections::accepted(int fd, const std::string& address, TimePoint now) {
  const TimePoint until = now + limits_.handshake_timeout;
  connections_[fd] = {.number = ++last_number_, .address = address, .accepted = now, .until = until};
  next_look_ = std::min(next_look_, now + kLookAtStrangers);
  if (unverified() <= limits_.max_unverified) return std::nullopt;
  std::map<std::string, std::size_t> crowd;
  for (const auto& [each, connection] : connections_) crowd[connection.address] += connection.verified ? 0 : 1;
  const auto most =
      std::max_element(crowd.begin(), crowd.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  auto oldest = connections_.end();
  for (auto at = connections_.begin(); at != connections_.end(); ++at)
    if (!at->second.verified && at->second.address == most->first &&
        (oldest == connections_.end() || at->second.number < oldest->second.number))
      oldest = at;
  const int gone = oldest->first;
  connections_.erase(oldest);
  return gone;
}

void Connections::lost(int fd) { connections_.erase(fd); }

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

std::size_t Connections::unverified() const {
  return static_cast<std::size_t>(std::count_if(connections_.begin(), connections_.end(),
                                                [](const auto& entry) { return !entry.second.verified; }));
}

bool Connections::must_go(const Connection& connection, std::uint64_t received, TimePoint now) const {
  const std::uint64_t limit = connection.verified ? limits_.verified_bytes : limits_.unverified_bytes;
  return now >= connection.until || received > connection.delivered + limit;
}

void Connections::plan(TimePoint now) {
  next_look_ = now + (unverified() > 0 ? kLookAtStrangers : kLookAtSites);
  for (const auto& [fd, connection] : connections_) next_look_ = std::min(next_look_, connection.until);
}

}  // namespace weft::net
