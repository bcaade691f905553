// What a verified site writes inside its TLS session, in any pieces: the messages that come out are those that a plain
// reading of the bytes finds, up to the first length that lies, and that ends the session.
#include <openssl/ssl.h>
#include <unistd.h>

#include <filesystem>

#include "common/net/tls_session.h"
#include "tests/fuzz/base_fuzz_bytes.h"

namespace {

using namespace weft;

constexpr std::size_t kMost = 1000;  // bytes of a message

struct World {
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("weft_plaintext_fuzz_" + std::to_string(::getpid()));
  SSL_CTX* site = SSL_CTX_new(TLS_client_method());
  net::TlsContext server = make();
  net::BufferPool pool;
  net::TlsContext make() const {
    crypto::init_ca(folder);
    const auto files = crypto::issue(folder, {.name = "coordinator", .role = crypto::Role::coordinator});
    const auto own = crypto::issue(folder, {.name = "site"});
    net::TlsContext made(net::Side::server, files);
    SSL_CTX_use_certificate_file(site, own.certificate.c_str(), SSL_FILETYPE_PEM);
    SSL_CTX_use_PrivateKey_file(site, own.key.c_str(), SSL_FILETYPE_PEM);
    SSL_CTX_set_alpn_protos(site, reinterpret_cast<const unsigned char*>("\x06weft/1"), 7);
    std::filesystem::remove_all(folder);
    return made;
  }
};

// A site's end that writes whatever it likes.
struct Site {
  explicit Site(SSL_CTX* context) : ssl(SSL_new(context)) {
    SSL_set_bio(ssl, in, out);
    SSL_set_connect_state(ssl);
  }
  ~Site() { SSL_free(ssl); }
  void exchange(net::TlsSession& server) {
    Bytes up(BIO_ctrl_pending(out));
    if (!up.empty()) BIO_read(out, up.data(), static_cast<int>(up.size()));
    if (!up.empty()) server.feed(up);
    const net::FrameBuffer down = server.take_output();
    if (!down.empty()) BIO_write(in, down.bytes().data(), static_cast<int>(down.size()));
  }
  BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
  SSL* ssl;
};

std::vector<Bytes> plain_reading(ByteSpan bytes, bool& lie) {
  std::vector<Bytes> messages;
  while (bytes.size() >= 4) {
    const std::size_t size =
        bytes[0] | std::size_t{bytes[1]} << 8U | std::size_t{bytes[2]} << 16U | std::size_t{bytes[3]} << 24U;
    lie = size > kMost;
    if (lie || bytes.size() - 4 < size) return messages;
    const ByteSpan body = bytes.subspan(4, size);
    messages.emplace_back(body.begin(), body.end());
    bytes = bytes.subspan(4 + size);
  }
  return messages;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  net::TlsSession server(world.server, {.max_message_bytes = kMost}, world.pool);
  Site site(world.site);
  for (int i = 0; i < 3; ++i) {
    SSL_do_handshake(site.ssl);
    site.exchange(server);
  }
  require(server.established() && server.peer() == "site");
  Bytes written;
  std::vector<Bytes> messages;
  for (FuzzBytes input(data, size); !input.empty() && !server.ended();) {
    const ByteSpan piece = input.take(1U + input.byte());
    if (piece.empty()) break;
    written.insert(written.end(), piece.begin(), piece.end());
    require(SSL_write(site.ssl, piece.data(), static_cast<int>(piece.size())) == static_cast<int>(piece.size()));
    site.exchange(server);
    while (auto message = server.next_message()) messages.push_back(std::move(*message));
  }
  bool lie = false;
  require(messages == plain_reading(written, lie));
  require(server.ended().has_value() == lie);
  return 0;
}
