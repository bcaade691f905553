// The coordinator's end of the secure channel: TLS 1.3 with certificates on both sides, one session per peer of a
// ZeroMQ ROUTER socket. Nothing of a message is visible before its session's handshake has verified the peer.
// Traffic counts TLS records and ZMTP frame headers (2 bytes a frame up to 255 bytes, else 9); not counted are the
// ZMTP greeting and heartbeats and the TCP/IP headers.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/crypto/pki.h"
#include "common/net/transport.h"

namespace weft::net {

struct TlsServerOptions {
  std::string endpoint;  // "tcp://0.0.0.0:7733"; port 0 or "*" takes a free one, see endpoint()
  crypto::CredentialFiles credentials;
  std::size_t max_message_bytes = (2 << 20) + 1024;  // larger ones end the session before any allocation
  std::size_t max_sessions = 4096;                   // further peers are told that the coordinator is full
  std::size_t max_queued_bytes = 16 << 20;           // per session, not yet taken by the peer; more ends the session
  // Connections that have not proved who they are; beyond it the oldest of the address that has most of them is cut.
  std::size_t max_unverified = 1024;
  Milliseconds handshake_timeout{10'000};  // from the connection to the proof
  Milliseconds peer_timeout{60'000};       // a peer that sends nothing for so long is gone; the application pings
  Milliseconds heartbeat_interval{5'000};  // of ZMTP, finds dead TCP connections; given up after three of them
};

class TlsServer final : public ServerTransport {
 public:
  // ConfigError: bad credentials (see check_credentials), malformed endpoint. Failure: port in use, no such address
  // now.
  explicit TlsServer(const TlsServerOptions& options);
  // Tells all peers that the sessions end and waits at most a second for that to be sent.
  ~TlsServer() override;
  const std::string& endpoint() const;  // as bound: with the real port

  std::optional<ServerEvent> receive(TimePoint deadline) override;
  void send(SessionId session, ByteSpan message) override;
  void disconnect(SessionId session) override;
  void mind() override;
  // Reads the CA's revocation list (see crypto/revocation.h) anew and ends the sessions of whoever is on it; answers
  // whose certificate of those that this server has verified last is on it now and was not before, connected or not.
  // ConfigError: the list cannot be used, or lacks somebody whom the one before has, and that one counts.
  std::vector<SiteId> reload_revocations();
  std::size_t revoked() const;  // how many certificates the list has that counts
  void wake() override;
  Traffic traffic() const override;
  Traffic traffic(SessionId session) const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weft::net
