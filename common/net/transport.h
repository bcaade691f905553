// Moves opaque messages between one server and its clients. Two implementations: TLS 1.3 over ZeroMQ between
// processes, and queues within one process. A message arrives whole or not at all, in order, while a session lasts;
// whoever needs more resumes above this layer.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/ids.h"

namespace weft::net {

// Bytes as counted at the socket (ciphertext and framing); payload bytes for the in-process transport.
struct Traffic {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
};

// Names one session of one peer. A peer that reconnects gets a new one.
struct SessionId {
  std::uint64_t value = 0;
  auto operator<=>(const SessionId&) const = default;
};

struct Connected {
  SessionId session;
  SiteId site;  // from the peer's certificate
};
struct Received {
  SessionId session;
  Bytes message;
};
struct Disconnected {
  SessionId session;
  std::string reason;
};
using ServerEvent = std::variant<Connected, Received, Disconnected>;

// All methods from one thread, except wake().
class ServerTransport {
 public:
  virtual ~ServerTransport() = default;
  // Blocks until an event, a wake() or the deadline; nullopt for the latter two. TimePoint::max() waits for ever.
  virtual std::optional<ServerEvent> receive(TimePoint deadline) = 0;
  // Queues a message. Ignored when the session has ended (a Disconnected event is or was delivered).
  virtual void send(SessionId session, ByteSpan message) = 0;
  // Ends a session after what was queued has been handed to the socket.
  virtual void disconnect(SessionId session) = 0;
  // For a caller who does not come back to receive() for a while: turns away those who would fill the memory meanwhile.
  virtual void mind() {}
  virtual void wake() = 0;  // any thread
  virtual Traffic traffic() const = 0;
  virtual Traffic traffic(SessionId session) const = 0;  // zero for an unknown session
};

struct Up {                      // the session stands: handshake done, peer verified
  std::string peer = {};         // the name in the server's certificate; empty within one process
  std::string certificate = {};  // that certificate as PEM; empty within one process
};
struct Message {
  Bytes bytes;
};
// The session ended or could not be made. permanent: trying again cannot help (certificate refused or expired).
struct Down {
  std::string reason;
  bool permanent = false;
};
using ClientEvent = std::variant<Up, Message, Down>;

// All methods from one thread, except wake(). After Down, connect() may be called again.
class ClientTransport {
 public:
  virtual ~ClientTransport() = default;
  virtual void connect() = 0;  // starts; Up or Down follows
  virtual std::optional<ClientEvent> receive(TimePoint deadline) = 0;
  virtual void send(ByteSpan message) = 0;  // ignored when not up
  virtual void close() = 0;
  virtual void wake() = 0;  // any thread
  virtual Traffic traffic() const = 0;
};

}  // namespace weft::net
