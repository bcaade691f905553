#include "common/net/tls_context.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "common/crypto/revocation.h"

namespace weft::net {
namespace {

[[noreturn]] void fail(const std::string& what) {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  throw ConfigError(what + ": " + (reason == nullptr ? "no reason given" : reason) +
                    "; issue the files anew with `weft pki issue`");
}

// The client's list must name our protocol, or the handshake ends.
int select_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                    unsigned offered_size, void*) {
  for (unsigned at = 0; at < offered_size; at += 1U + offered[at]) {
    const unsigned size = offered[at];
    if (size != sizeof kProtocol - 1 || at + 1 + size > offered_size) continue;
    if (std::memcmp(offered + at + 1, kProtocol, size) != 0) continue;
    *out = offered + at + 1;
    *out_size = static_cast<unsigned char>(size);
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

void restrict_protocol(SSL_CTX* context, Side side) {
  const bool set = SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
                   SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
                   SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1 &&
                   SSL_CTX_set1_groups_list(context, "X25519:P-256") == 1 && SSL_CTX_set_num_tickets(context, 0) == 1;
  if (!set) fail("TLS 1.3 set-up");
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
  SSL_CTX_clear_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_verify_depth(context, 1);
  SSL_CTX_set_max_cert_list(context, 32 << 10);
  if (side == Side::server) return SSL_CTX_set_alpn_select_cb(context, select_protocol, nullptr);
  unsigned char list[sizeof kProtocol] = {sizeof kProtocol - 1};
  std::memcpy(list + 1, kProtocol, sizeof kProtocol - 1);
  if (SSL_CTX_set_alpn_protos(context, list, sizeof list) != 0) fail("ALPN set-up");
}

// Whom the sessions to come believe: those of this CA that are not on its list of revoked ones, as it is now.
void set_trust(SSL_CTX* context, const std::filesystem::path& ca) {
  const std::vector<crypto::Revocation> checked = crypto::read_revocations(ca);  // says what is wrong with the list
  const std::filesystem::path list = crypto::revocation_list_of(ca);
  std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(), &X509_STORE_free);
  if (store == nullptr) fail("TLS set-up");
  if (X509_STORE_load_file(store.get(), ca.c_str()) != 1) fail("CA certificate " + ca.string());
  if (!checked.empty()) {
    X509_LOOKUP* lookup = X509_STORE_add_lookup(store.get(), X509_LOOKUP_file());
    if (lookup == nullptr || X509_load_crl_file(lookup, list.c_str(), X509_FILETYPE_PEM) != 1 ||
        X509_STORE_set_flags(store.get(), X509_V_FLAG_CRL_CHECK) != 1)
      fail("revocation list " + list.string());
  }
  SSL_CTX_set_cert_store(context, store.release());  // takes it; once it is whole, for the one before counts till then
}

int wire_write(BIO* bio, const char* data, std::size_t size, std::size_t* written) {
  static_cast<MemoryWire*>(BIO_get_data(bio))->output.append({reinterpret_cast<const std::uint8_t*>(data), size});
  *written = size;
  return 1;
}

int wire_read(BIO* bio, char* out, std::size_t size, std::size_t* got) {
  ByteSpan& input = static_cast<MemoryWire*>(BIO_get_data(bio))->input;
  BIO_clear_retry_flags(bio);
  *got = std::min(size, input.size());
  if (*got == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  std::memcpy(out, input.data(), *got);
  input = input.subspan(*got);
  return 1;
}

long wire_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

int wire_create(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

}  // namespace

void ContextDeleter::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
void ContextDeleter::operator()(bio_method_st* method) const { BIO_meth_free(method); }

std::unique_ptr<bio_method_st, ContextDeleter> memory_wire_method() {
  std::unique_ptr<bio_method_st, ContextDeleter> method(
      BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weft memory wire"));
  const bool set = method != nullptr && BIO_meth_set_write_ex(method.get(), wire_write) == 1 &&
                   BIO_meth_set_read_ex(method.get(), wire_read) == 1 &&
                   BIO_meth_set_ctrl(method.get(), wire_control) == 1 &&
                   BIO_meth_set_create(method.get(), wire_create) == 1;
  WEFT_CHECK(set, "OpenSSL has no room for a BIO method");
  return method;
}

TlsContext::TlsContext(Side side, const crypto::CredentialFiles& files) : impl_(std::make_unique<Impl>()) {
  ERR_clear_error();
  impl_->side = side;
  impl_->context.reset(SSL_CTX_new(side == Side::server ? TLS_server_method() : TLS_client_method()));
  SSL_CTX* context = impl_->context.get();
  if (context == nullptr) fail("TLS set-up");
  restrict_protocol(context, side);
  impl_->ca = files.ca;
  set_trust(context, files.ca);
  if (SSL_CTX_use_certificate_file(context, files.certificate.c_str(), SSL_FILETYPE_PEM) != 1)
    fail("certificate " + files.certificate.string());
  if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    fail("private key " + files.key.string());
  impl_->memory = memory_wire_method();
}

void TlsContext::reload_revocations() { set_trust(impl_->context.get(), impl_->ca); }

TlsContext::TlsContext(TlsContext&&) noexcept = default;
TlsContext::~TlsContext() = default;

}  // namespace weft::net
