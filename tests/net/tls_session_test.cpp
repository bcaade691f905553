// One TLS session without sockets: who is let in, what is refused, and in which words.
#include "common/net/tls_session.h"

#include <openssl/ssl.h>

#include "tests/net/net_support.h"

namespace weft::net {
namespace {

using testing::Test;

struct Ends {
  TlsContext server_context, client_context;
  BufferPool pool;
  TlsSession server, client;
  Ends(const crypto::CredentialFiles& server_files, const crypto::CredentialFiles& client_files,
       const TlsLimits& limits = {}, const std::string& expected = {})
      : server_context(Side::server, server_files),
        client_context(Side::client, client_files),
        server(server_context, limits, pool),
        client(client_context, limits, pool, expected) {}
  void pump() {  // until both are quiet
    for (;;) {
      const FrameBuffer up = client.take_output();
      if (!up.empty()) server.feed(up.bytes());
      const FrameBuffer down = server.take_output();
      if (!down.empty()) client.feed(down.bytes());
      if (up.empty() && down.empty()) return;
    }
  }
};

std::string reason(const TlsSession& session) { return session.ended() ? session.ended()->reason : "not ended"; }
bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
Bytes copy(const FrameBuffer& frame) { return {frame.bytes().begin(), frame.bytes().end()}; }

TEST(TlsSessionTest, BothSidesNameEachOtherForEveryKeyType) {
  for (const char* server : {"coordinator", "coordinator-p256"})
    for (const char* client : {"alpha", "gamma-p256"}) {
      Ends ends(test_pki().files(server), test_pki().files(client));
      EXPECT_FALSE(ends.client.established());
      ends.pump();
      ASSERT_TRUE(ends.client.established()) << reason(ends.client) << reason(ends.server);
      ASSERT_TRUE(ends.server.established());
      EXPECT_EQ(ends.server.peer(), client);
      EXPECT_EQ(ends.client.peer(), server);
      EXPECT_EQ(ends.client.cipher(), "TLS_AES_256_GCM_SHA384");
    }
}

TEST(TlsSessionTest, FreshKeysInMidStreamLoseNothing) {
  Ends ends(test_pki().files("coordinator"), test_pki().files("alpha"), {.rekey_bytes = 100'000});
  ends.pump();
  for (std::uint64_t i = 0; i < 20; ++i) {
    ends.client.send(noise(60'000, i));
    ends.pump();
    ASSERT_EQ(ends.server.next_message(), noise(60'000, i)) << reason(ends.server);
  }
}

// Who is refused, by whom, in which words on each side.
struct Refusal {
  std::string name;
  bool other_ca_server, other_ca_client;
  std::string server, client, expected_peer;
  std::string server_says, client_says;
};
void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }

class RefusalTest : public testing::TestWithParam<Refusal> {};

TEST_P(RefusalTest, EndsBothSidesForGood) {
  const Refusal& given = GetParam();
  const TestPki& pki = test_pki();
  Ends ends(given.other_ca_server ? pki.others(given.server) : pki.files(given.server),
            given.other_ca_client ? pki.others(given.client) : pki.files(given.client), {}, given.expected_peer);
  ends.pump();
  EXPECT_FALSE(ends.client.established());
  EXPECT_FALSE(ends.server.established());
  ASSERT_TRUE(ends.client.ended());
  ASSERT_TRUE(ends.server.ended());
  EXPECT_TRUE(has(reason(ends.server), given.server_says)) << reason(ends.server);
  EXPECT_TRUE(has(reason(ends.client), given.client_says)) << reason(ends.client);
  EXPECT_TRUE(ends.client.ended()->permanent);
}

INSTANTIATE_TEST_SUITE_P(TlsSession, RefusalTest,
                         testing::Values(Refusal{"SiteOfAnotherCa", false, true, "coordinator", "alpha", "",
                                                 "another CA signed it", "another CA"},
                                         Refusal{"CoordinatorOfAnotherCa", true, false, "coordinator", "alpha", "",
                                                 "another CA", "another CA signed it"},
                                         Refusal{"ExpiredSite", false, false, "coordinator", "expired", "",
                                                 "it has expired", "refused our certificate: it has expired"},
                                         Refusal{"SiteFromTheFuture", false, false, "coordinator", "early", "",
                                                 "not valid yet", "refused our certificate"},
                                         Refusal{"ExpiredCoordinator", false, false, "expired-coordinator", "alpha", "",
                                                 "", "it has expired"},
                                         Refusal{"SitePosingAsCoordinator", false, false, "beta", "alpha", "",
                                                 "wrong role", "not a coordinator's certificate"},
                                         Refusal{"CoordinatorOfAnotherName", false, false, "coordinator", "alpha",
                                                 "elsewhere.example", "the site ended the session",
                                                 "expected \"elsewhere.example\""}),
                         [](const testing::TestParamInfo<Refusal>& refusal) { return refusal.param.name; });

TEST(TlsSessionTest, AnExpectedHostOrNameIsAccepted) {
  for (const char* expected : {"coordinator", "127.0.0.1"}) {
    Ends ends(test_pki().files("coordinator"), test_pki().files("alpha"), {}, expected);
    ends.pump();
    EXPECT_TRUE(ends.client.established()) << reason(ends.client);
  }
}

// A TLS 1.3 client of no make of ours, in memory.
struct Stranger {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL* ssl = nullptr;
  BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
  explicit Stranger(const char* certificate = nullptr, bool protocol = true, int version = TLS1_3_VERSION) {
    SSL_CTX_set_max_proto_version(context, version);
    if (certificate != nullptr) {
      const auto files = test_pki().files(certificate);
      SSL_CTX_use_certificate_file(context, files.certificate.c_str(), SSL_FILETYPE_PEM);
      SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM);
    }
    ssl = SSL_new(context);
    if (protocol) SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>("\x06weft/1"), 7);
    SSL_set_bio(ssl, in, out);
    SSL_set_connect_state(ssl);
  }
  ~Stranger() {
    SSL_free(ssl);
    SSL_CTX_free(context);
  }
  Bytes output() {
    Bytes bytes(BIO_ctrl_pending(out));
    if (!bytes.empty()) BIO_read(out, bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
  }
  void shake_hands(TlsSession& server) {
    for (int i = 0; i < 4; ++i) {
      SSL_do_handshake(ssl);
      if (const Bytes bytes = output(); !bytes.empty()) server.feed(bytes);
      const FrameBuffer answer = server.take_output();
      if (!answer.empty()) BIO_write(in, answer.bytes().data(), static_cast<int>(answer.size()));
    }
  }
};

struct LoneServer {
  TlsContext context{Side::server, test_pki().files("coordinator")};
  BufferPool pool;
  TlsSession session{context, {}, pool};
};

TEST(TlsSessionTest, RefusesAPeerWithoutCertificate) {
  LoneServer server;
  Stranger().shake_hands(server.session);
  EXPECT_FALSE(server.session.established());
  EXPECT_TRUE(has(reason(server.session), "showed no certificate")) << reason(server.session);
}

TEST(TlsSessionTest, RefusesAPeerOfAnotherProtocolOrAnOlderTls) {
  LoneServer no_alpn, old;
  Stranger("alpha", false).shake_hands(no_alpn.session);
  EXPECT_FALSE(no_alpn.session.established());
  EXPECT_TRUE(has(reason(no_alpn.session), "does not speak Weft's protocol")) << reason(no_alpn.session);
  Stranger("alpha", true, TLS1_2_VERSION).shake_hands(old.session);
  EXPECT_TRUE(has(reason(old.session), "does not speak TLS 1.3")) << reason(old.session);
}

TEST(TlsSessionTest, RejectsADeclaredLengthBeyondTheLimit) {
  LoneServer server;
  Stranger verified("alpha");
  verified.shake_hands(server.session);
  ASSERT_TRUE(server.session.established()) << reason(server.session);
  SSL_write(verified.ssl, "\xff\xff\xff\xff", 4);  // and not a byte more: nothing was allocated to wait for it
  server.session.feed(verified.output());
  EXPECT_TRUE(has(reason(server.session), "declared 4.0 GiB, limit 2.0 MiB")) << reason(server.session);
}

TEST(TlsSessionTest, RefusesPlainTextAndEndlessHandshakes) {
  LoneServer plain;
  plain.session.feed(as_bytes("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_TRUE(has(reason(plain.session), "not TLS")) << reason(plain.session);
  LoneServer endless;
  const Bytes filler = [] {  // records that announce a handshake message of 16 MiB
    Bytes record(5 + 16'000, 0);
    record[0] = 22, record[1] = 3, record[2] = 1, record[3] = 16'000 >> 8, record[4] = 16'000 & 0xff;
    record[5] = 1, record[6] = 0xff;
    return record;
  }();
  for (int i = 0; i < 10 && !endless.session.ended(); ++i) endless.session.feed(filler);
  EXPECT_TRUE(endless.session.ended());
}

// Any bit of any record, in header, body or tag, wherever it is flipped.
TEST(TlsSessionTest, NamesAChangedBitAnywhereInARecord) {
  for (const std::size_t offset : {0UL, 1UL, 3UL, 4UL, 5UL, 900UL, 16'404UL, 16'407UL, 50'000UL}) {
    Ends ends(test_pki().files("coordinator"), test_pki().files("alpha"));
    ends.pump();
    ends.client.send(noise(60'000, 3));
    Bytes frame = copy(ends.client.take_output());
    frame.at(offset) ^= 1U;
    ends.server.feed(frame);
    EXPECT_TRUE(has(reason(ends.server), "record authentication failed")) << offset << ": " << reason(ends.server);
    EXPECT_FALSE(ends.server.next_message());
    ends.pump();
    ASSERT_TRUE(ends.client.ended()) << offset;  // learns of it
    EXPECT_FALSE(ends.client.ended()->permanent);
  }
}

TEST(TlsSessionTest, NamesALostARepeatedAndATornFrame) {
  const auto frames_of = [](Ends& ends) {
    ends.pump();
    std::vector<Bytes> frames;
    for (int i = 0; i < 2; ++i) {
      ends.client.send(noise(100, static_cast<std::uint64_t>(i)));
      frames.push_back(copy(ends.client.take_output()));
    }
    return frames;
  };
  Ends lost(test_pki().files("coordinator"), test_pki().files("alpha"));
  lost.server.feed(frames_of(lost)[1]);
  EXPECT_TRUE(has(reason(lost.server), "record authentication failed")) << reason(lost.server);
  Ends repeated(test_pki().files("coordinator"), test_pki().files("alpha"));
  const auto frames = frames_of(repeated);
  repeated.server.feed(frames[0]);
  repeated.server.feed(frames[0]);
  EXPECT_TRUE(repeated.server.next_message());
  EXPECT_TRUE(has(reason(repeated.server), "record authentication failed")) << reason(repeated.server);
  Ends torn(test_pki().files("coordinator"), test_pki().files("alpha"));
  const auto whole = frames_of(torn);
  torn.server.feed(ByteSpan(whole[0]).first(whole[0].size() - 1));
  EXPECT_TRUE(has(reason(torn.server), "record authentication failed")) << reason(torn.server);
}

// An alert in plain text could come from anyone on the way, so it must not stop a site for good.
TEST(TlsSessionTest, AForgedAlertIsNotPermanent) {
  TlsContext context(Side::client, test_pki().files("alpha"));
  BufferPool pool;
  TlsSession client(context, {}, pool);
  client.feed(Bytes{21, 3, 3, 0, 2, 2, 48});  // fatal, unknown_ca
  ASSERT_TRUE(client.ended());
  EXPECT_TRUE(has(reason(client), "another CA signed it")) << reason(client);
  EXPECT_FALSE(client.ended()->permanent);
}

}  // namespace
}  // namespace weft::net
