#include "common/net/tls_session.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <deque>

#include "common/base/ids.h"
#include "common/net/tls_context.h"
#include "common/net/tls_errors.h"

namespace weft::net {
namespace {

constexpr std::size_t kRecordBytes = SSL3_RT_MAX_PLAIN_LENGTH;          // plaintext in one record
constexpr std::size_t kRecordHeader = SSL3_RT_HEADER_LENGTH;            // type, version, length
constexpr std::size_t kRecordOverhead = kRecordHeader + 1 + 16;         // and inner type, tag
constexpr std::size_t kMaxRecordBody = SSL3_RT_MAX_PLAIN_LENGTH + 256;  // RFC 8446, 5.2
constexpr std::size_t kMessageHeader = 4;

struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

// Whether a frame is a row of whole TLS records, as every honest peer's is. Catches changed record headers, which
// would otherwise leave TLS waiting for bytes that never come.
bool holds_whole_records(ByteSpan frame) {
  while (!frame.empty()) {
    if (frame.size() < kRecordHeader) return false;
    const std::size_t body = static_cast<std::size_t>(frame[3]) << 8 | frame[4];
    const bool known = frame[0] >= SSL3_RT_CHANGE_CIPHER_SPEC && frame[0] <= SSL3_RT_APPLICATION_DATA;
    if (!known || frame[1] != SSL3_VERSION_MAJOR || body > kMaxRecordBody || body > frame.size() - kRecordHeader)
      return false;
    frame = frame.subspan(kRecordHeader + body);
  }
  return true;
}

std::array<std::uint8_t, kMessageHeader> header_of(std::size_t size) {
  return {static_cast<std::uint8_t>(size), static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size >> 16),
          static_cast<std::uint8_t>(size >> 24)};
}

std::size_t size_in(const std::array<std::uint8_t, kMessageHeader>& header) {
  return header[0] | std::size_t{header[1]} << 8 | std::size_t{header[2]} << 16 | std::size_t{header[3]} << 24;
}

Bytes alert_record(int description) {
  return {SSL3_RT_ALERT, 3, 3, 0, 2, SSL3_AL_FATAL, static_cast<std::uint8_t>(description)};
}

}  // namespace

Bytes full_server_alert() { return alert_record(SSL_AD_INTERNAL_ERROR); }

struct TlsSession::Impl {
  Impl(const TlsContext::Impl& context, const TlsLimits& session_limits, BufferPool& buffers, std::string expected)
      : limits(session_limits), pool(buffers), expected_peer(std::move(expected)), side(context.side) {
    ssl.reset(SSL_new(context.context.get()));
    BIO* bio = BIO_new(context.memory.get());
    if (ssl == nullptr || bio == nullptr) throw Failure("TLS session: out of memory");
    BIO_set_data(bio, &wire);
    SSL_set_bio(ssl.get(), bio, bio);
    if (side == Side::server) {
      SSL_set_accept_state(ssl.get());
    } else {
      SSL_set_connect_state(ssl.get());
      handshake();
    }
  }

  void feed(ByteSpan frame);
  void handshake();
  void verify_peer();
  void read_messages();
  bool take_plaintext(std::size_t count);
  void write(ByteSpan message);
  void end(TlsEnd reason) {
    if (!ended) ended = std::move(reason);
    established = false;
  }
  void end_and_tell(TlsEnd reason);

  TlsLimits limits;
  BufferPool& pool;
  std::string expected_peer;
  Side side;
  MemoryWire wire;  // before ssl, whose BIO refers to it
  std::unique_ptr<SSL, SslDeleter> ssl;
  bool handshake_done = false, established = false;
  std::optional<TlsEnd> ended;
  std::string peer, peer_certificate;
  std::size_t handshake_bytes = 0;
  std::uint64_t sent_with_key = 0;

  // The message being received: its header, then its body.
  std::array<std::uint8_t, kMessageHeader> header{};
  bool in_body = false;
  Bytes body;
  std::size_t filled = 0;
  std::deque<Bytes> messages;
};

void TlsSession::Impl::feed(ByteSpan frame) {
  if (ended) return;
  if (!holds_whole_records(frame))
    return end_and_tell({handshake_done ? kRecordFailure : "the first frames are not TLS"});
  wire.input = frame;
  if (!handshake_done) {
    handshake_bytes += frame.size();
    if (handshake_bytes > limits.max_handshake_bytes)
      end_and_tell({"handshake: more than " + human_bytes(limits.max_handshake_bytes) + " without proof of identity"});
    else
      handshake();
  }
  if (handshake_done && !ended) read_messages();
  wire.input = {};
}

void TlsSession::Impl::handshake() {
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl.get());
  if (done == 1) {
    handshake_done = true;
    return verify_peer();
  }
  if (SSL_get_error(ssl.get(), done) != SSL_ERROR_WANT_READ) end(explain_failure(ssl.get(), side, handshake_done));
}

// The chain, validity and purpose are verified by OpenSSL; here the protocol and the name.
void TlsSession::Impl::verify_peer() {
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl.get(), &protocol, &size);
  if (as_text({protocol, size}) != kProtocol) return end_and_tell({"the peer does not speak Weft's protocol"});
  X509* certificate = SSL_get0_peer_certificate(ssl.get());
  unsigned char* der = nullptr;
  const int der_size = certificate == nullptr ? -1 : i2d_X509(certificate, &der);
  if (der_size <= 0) return end_and_tell({"the peer showed no certificate", true});
  const Bytes shown(der, der + der_size);
  OPENSSL_free(der);
  const Result<crypto::CertificateFacts> facts = crypto::facts_of_der(shown);
  if (!facts) return end_and_tell({facts.error().message, true});
  const std::string& name = facts.value().name;
  const auto& hosts = facts.value().hosts;
  const auto carries = [&](const std::string& host) {
    return std::find(hosts.begin(), hosts.end(), host) != hosts.end();
  };
  if (!valid_site_name(name) || !carries(name))
    return end_and_tell({"the peer's certificate holds no valid name; issue a new one with `weft pki issue`", true});
  if (!expected_peer.empty() && !carries(expected_peer))
    return end_and_tell({"the certificate is of \"" + name + "\", expected \"" + expected_peer + "\"", true});
  peer = name;
  peer_certificate = crypto::pem_of_der(shown);
  if (side == Side::client) return;  // established when the server has said so
  established = true;
  write(as_bytes(kProtocol));
}

// Reads up to `count` bytes of plaintext into the header or body being filled; false when no more can be had now.
bool TlsSession::Impl::take_plaintext(std::size_t count) {
  std::uint8_t* into = in_body ? body.data() : header.data();
  while (filled < count) {
    std::size_t got = 0;
    ERR_clear_error();
    const int done = SSL_read_ex(ssl.get(), into + filled, count - filled, &got);
    filled += got;
    if (done == 1) continue;
    const int error = SSL_get_error(ssl.get(), done);
    if (error == SSL_ERROR_WANT_READ) return false;
    if (error == SSL_ERROR_ZERO_RETURN)
      end({side == Side::server ? "the site ended the session" : "the coordinator ended the session"});
    else
      end(explain_failure(ssl.get(), side, handshake_done));
    return false;
  }
  filled = 0;
  return true;
}

void TlsSession::Impl::read_messages() {
  while (!ended) {
    if (!in_body) {
      if (!take_plaintext(kMessageHeader)) return;
      const std::size_t size = size_in(header);
      if (size > limits.max_message_bytes)
        return end_and_tell({"message header: declared " + human_bytes(size) + ", limit " +
                             human_bytes(limits.max_message_bytes) + " (max_message_bytes)"});
      body = Bytes(size);
      in_body = true;
    }
    if (!take_plaintext(body.size())) return;
    in_body = false;
    if (established) {
      messages.push_back(std::move(body));
    } else if (as_text(body) == kProtocol) {
      established = true;
    } else {
      end_and_tell({"the coordinator's first message is not \"weft/1\""});
    }
    body = {};
  }
}

// A short message goes out as one record; a long one fills its first record and the rest is encrypted in place.
void TlsSession::Impl::write(ByteSpan message) {
  const std::size_t total = kMessageHeader + message.size();
  const std::size_t sealed = total + (total / kRecordBytes + 2) * kRecordOverhead;
  if (wire.output.empty() && wire.output.capacity() < sealed) wire.output = pool.take(sealed);
  wire.output.reserve(wire.output.size() + sealed);
  sent_with_key += total;
  if (sent_with_key > limits.rekey_bytes) {
    SSL_key_update(ssl.get(), SSL_KEY_UPDATE_NOT_REQUESTED);
    sent_with_key = total;
  }
  std::array<std::uint8_t, kRecordBytes> first;
  const auto header_bytes = header_of(message.size());
  const std::size_t with_header = std::min(message.size(), kRecordBytes - kMessageHeader);
  std::copy(header_bytes.begin(), header_bytes.end(), first.begin());
  std::copy_n(message.begin(), with_header, first.begin() + kMessageHeader);
  std::size_t written = 0;
  ERR_clear_error();
  bool done = SSL_write_ex(ssl.get(), first.data(), kMessageHeader + with_header, &written) == 1;
  const ByteSpan rest = message.subspan(with_header);
  if (done && !rest.empty()) done = SSL_write_ex(ssl.get(), rest.data(), rest.size(), &written) == 1;
  if (!done) end(explain_failure(ssl.get(), side, handshake_done));
}

void TlsSession::Impl::end_and_tell(TlsEnd reason) {
  wire.input = {};
  if (!ended && SSL_is_init_finished(ssl.get()) == 1)
    SSL_shutdown(ssl.get());
  else if (!ended)
    wire.output.append(alert_record(SSL_AD_DECODE_ERROR));
  ERR_clear_error();
  end(std::move(reason));
}

TlsSession::TlsSession(const TlsContext& context, const TlsLimits& limits, BufferPool& pool, std::string expected_peer)
    : impl_(std::make_unique<Impl>(*context.impl_, limits, pool, std::move(expected_peer))) {}
TlsSession::TlsSession(TlsSession&&) noexcept = default;
TlsSession::~TlsSession() = default;

void TlsSession::feed(ByteSpan frame) { impl_->feed(frame); }

std::optional<Bytes> TlsSession::next_message() {
  if (impl_->messages.empty()) return std::nullopt;
  Bytes message = std::move(impl_->messages.front());
  impl_->messages.pop_front();
  return message;
}

void TlsSession::send(ByteSpan message) {
  WEFT_CHECK(message.size() <= impl_->limits.max_message_bytes,
             "message of " + human_bytes(message.size()) + " is over the limit of the channel");
  if (impl_->established) impl_->write(message);
}

void TlsSession::close() { impl_->end_and_tell({"ended by this side"}); }
FrameBuffer TlsSession::take_output() { return std::exchange(impl_->wire.output, {}); }
bool TlsSession::established() const { return impl_->established; }
const std::optional<TlsEnd>& TlsSession::ended() const { return impl_->ended; }
const std::string& TlsSession::peer() const { return impl_->peer; }
const std::string& TlsSession::peer_certificate() const { return impl_->peer_certificate; }
std::string TlsSession::cipher() const { return SSL_get_cipher_name(impl_->ssl.get()); }

}  // namespace weft::net
