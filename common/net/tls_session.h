// One TLS 1.3 session over memory: frames of ciphertext in and out, whole messages in and out. No sockets, no clock.
// Each frame holds whole TLS records; inside TLS a message is a u32 little-endian length and that many bytes.
// The server's first message, "weft/1", tells the client that its certificate was accepted: only then is the
// session established on both sides. ALPN is "weft/1" as well. Cipher: AES-256-GCM, else ChaCha20-Poly1305.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "common/base/bytes.h"
#include "common/crypto/pki.h"
#include "common/net/frame_buffer.h"

namespace weft::net {

enum class Side { server, client };

// One end's certificate, key and CA. Shared by its sessions, which must not outlive it. Loads the files as they are:
// check_credentials() explains what is wrong with them.
class TlsContext {
 public:
  TlsContext(Side side, const crypto::CredentialFiles& files);  // ConfigError when a file cannot be loaded
  // Reads the CA's revocation list anew, for the sessions to come. ConfigError: see crypto::read_revocations.
  void reload_revocations();
  TlsContext(TlsContext&&) noexcept;
  ~TlsContext();

 private:
  friend class TlsSession;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct TlsLimits {
  std::size_t max_message_bytes = (2 << 20) + 1024;
  std::size_t max_handshake_bytes = 64 << 10;           // taken from a peer that is not verified
  std::uint64_t rekey_bytes = std::uint64_t{64} << 30;  // fresh keys after so much sent (RFC 8446, 5.5)
};

// Why a session ended. permanent: trying again with the same certificates cannot help.
struct TlsEnd {
  std::string reason;
  bool permanent = false;
};

// One thread.
class TlsSession {
 public:
  // `expected_peer`: name or host that the peer's certificate must carry; empty for any. A client's session has its
  // first frame ready at once.
  TlsSession(const TlsContext& context, const TlsLimits& limits, BufferPool& pool, std::string expected_peer = {});
  TlsSession(TlsSession&&) noexcept;
  ~TlsSession();

  void feed(ByteSpan frame);            // from the peer; ignored after the end
  std::optional<Bytes> next_message();  // those complete before the end are still returned after it
  void send(ByteSpan message);          // ignored unless established
  void close();                         // tells the peer; ended() has a value afterwards
  FrameBuffer take_output();            // what must go to the peer; empty when nothing must

  bool established() const;
  const std::optional<TlsEnd>& ended() const;
  const std::string& peer() const;              // the name in the peer's certificate, once it is verified
  const std::string& peer_certificate() const;  // PEM, once it is verified
  std::string cipher() const;                   // "TLS_AES_256_GCM_SHA384"

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The alert for a peer for whom there is no session.
Bytes full_server_alert();

}  // namespace weft::net
