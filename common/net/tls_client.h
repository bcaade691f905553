// A site's end of the secure channel: one TLS 1.3 session over a ZeroMQ DEALER socket, made anew by each connect().
// Up is reported when both sides have verified each other. Traffic is counted as in tls_server.h.
#pragma once
#include <memory>
#include <string>

#include "common/crypto/pki.h"
#include "common/net/transport.h"

namespace weft::net {

struct TlsClientOptions {
  std::string endpoint;  // "tcp://coordinator.example:7733"
  crypto::CredentialFiles credentials;
  std::string coordinator_name;  // name or host its certificate must carry; empty: any coordinator of the same CA
  std::size_t max_message_bytes = (2 << 20) + 1024;
  std::size_t max_queued_bytes = 64 << 20;  // sent but not yet taken by the coordinator; more ends the session
  Milliseconds handshake_timeout{10'000};   // for connecting and handshake together
  // A coordinator that sends nothing for so long is gone. It answers, at least each third of its own peer_timeout,
  // whatever this end sends.
  Milliseconds peer_timeout{60'000};
  Milliseconds heartbeat_interval{5'000};
};

class TlsClient final : public ClientTransport {
 public:
  // ConfigError: bad credentials (see check_credentials) or malformed endpoint.
  explicit TlsClient(const TlsClientOptions& options);
  ~TlsClient() override;

  void connect() override;
  std::optional<ClientEvent> receive(TimePoint deadline) override;
  void send(ByteSpan message) override;
  void close() override;
  void wake() override;
  Traffic traffic() const override;  // over all sessions so far

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weft::net
