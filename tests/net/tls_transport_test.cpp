// The channel over real sockets: what the network sees, what an attacker can break, and what an operator is told.
#include <set>
#include <zmq.hpp>

#include "tests/net/net_support.h"
#include "tests/net/proxy_support.h"

namespace weft::net {
namespace {

TlsServerOptions server_options() {
  return {.endpoint = "tcp://127.0.0.1:*", .credentials = test_pki().files("coordinator")};
}
TlsClientOptions client_options(const std::string& endpoint, const std::string& site = "alpha") {
  return {.endpoint = endpoint, .credentials = test_pki().files(site)};
}
bool contains(const Bytes& haystack, std::string_view needle) {
  return as_text(haystack).find(needle) != std::string_view::npos;
}

class TlsTransportTest : public testing::Test {
 protected:
  TlsServer server_{server_options()};
  Driver driver_{server_};
};

TEST_F(TlsTransportTest, TheNetworkSeesNoPlaintextAndNoRepeatedCiphertext) {
  TcpProxy proxy(server_.endpoint());
  TlsClient client(client_options(proxy.endpoint()));
  driver_.add(client);
  const SessionId session = driver_.connect(client).session;
  const std::string secret = "the patient's left lung shows a shadow; ";
  std::string text;
  while (text.size() < 100'000) text += secret;
  for (int i = 0; i < 3; ++i) {  // the same message again and again, both ways
    client.send(as_bytes(text));
    server_.send(session, as_bytes(text));
    EXPECT_EQ(as_text(driver_.server_event<Received>().message), text);
    EXPECT_EQ(as_text(driver_.client_event<Message>(client).bytes), text);
  }
  std::set<std::string> blocks;
  std::size_t repeated = 0;
  for (const Direction direction : {Direction::to_server, Direction::to_client}) {
    const Bytes seen = proxy.recorded(direction);
    ASSERT_GT(seen.size(), 300'000U);  // it all went this way
    EXPECT_FALSE(contains(seen, "patient"));
    EXPECT_FALSE(contains(seen, "shadow"));
    // The ZMTP and TLS handshakes repeat themselves; ciphertext must not.
    for (std::size_t at = 8'000; at + 16 <= seen.size(); at += 16)
      repeated += blocks.emplace(reinterpret_cast<const char*>(&seen[at]), 16).second ? 0 : 1;
  }
  EXPECT_EQ(repeated, 0U);
}

TEST_F(TlsTransportTest, AFlippedBitEndsTheSessionByNameAndTheSiteComesBack) {
  TcpProxy proxy(server_.endpoint());
  TlsClient client(client_options(proxy.endpoint()));
  driver_.add(client);
  const SessionId session = driver_.connect(client).session;
  proxy.flip_bit_ahead(Direction::to_server, 30'000);
  client.send(noise(100'000, 1));
  const Disconnected end = driver_.server_event<Disconnected>();
  EXPECT_EQ(end.session, session);
  EXPECT_NE(end.reason.find("record authentication failed"), std::string::npos) << end.reason;
  const Down down = driver_.client_event<Down>(client);
  EXPECT_NE(down.reason.find("record authentication failed"), std::string::npos) << down.reason;
  EXPECT_FALSE(down.permanent);

  const SessionId again = driver_.connect(client).session;
  EXPECT_NE(again, session);
  proxy.flip_bit_ahead(Direction::to_client, 30'000);
  server_.send(again, noise(100'000, 2));
  const Down second = driver_.client_event<Down>(client);
  EXPECT_NE(second.reason.find("record authentication failed"), std::string::npos) << second.reason;
  EXPECT_EQ(driver_.server_event<Disconnected>().session, again);

  driver_.connect(client);
  client.send(noise(100'000, 3));
  EXPECT_EQ(driver_.server_event<Received>().message, noise(100'000, 3));
  EXPECT_EQ(proxy.connections(), 3);
}

TEST_F(TlsTransportTest, BothSidesNoticeACutLink) {
  TcpProxy proxy(server_.endpoint());
  TlsClient client(client_options(proxy.endpoint()));
  driver_.add(client);
  const SessionId session = driver_.connect(client).session;
  proxy.cut();
  EXPECT_EQ(driver_.server_event<Disconnected>().session, session);
  const Down down = driver_.client_event<Down>(client);
  EXPECT_NE(down.reason.find("the connection was lost"), std::string::npos) << down.reason;
  EXPECT_NE(driver_.connect(client).session, session);
}

TEST_F(TlsTransportTest, StrangersEndOnlyThemselves) {
  TlsClient client(client_options(server_.endpoint()));
  driver_.add(client);
  const SessionId session = driver_.connect(client).session;
  zmq::context_t context;
  zmq::socket_t stranger(context, zmq::socket_type::dealer);
  stranger.set(zmq::sockopt::linger, 0);
  stranger.connect(server_.endpoint());
  for (const std::string garbage : {"hello", "\x16\x03\x01\xff\xff", "", "again"})
    stranger.send(zmq::buffer(garbage), zmq::send_flags::none);
  // Its answer is a TLS alert, which shows that the server has dealt with it.
  zmq::message_t alert;
  for (const TimePoint start = now(); in_time(start) && !stranger.recv(alert, zmq::recv_flags::dontwait);)
    driver_.turn();
  ASSERT_EQ(alert.size(), 7U);
  EXPECT_EQ(alert.data<std::uint8_t>()[0], 21);
  client.send(as_bytes("still here"));
  EXPECT_EQ(driver_.server_event<Received>().session, session);
  EXPECT_TRUE(driver_.server_events().empty());
}

TEST_F(TlsTransportTest, AFrameBeyondTheLimitEndsOnlyItsConnection) {
  TlsClient client(client_options(server_.endpoint()));
  driver_.add(client);
  driver_.connect(client);
  TlsClientOptions careless = client_options(server_.endpoint(), "beta");
  careless.max_message_bytes = 8 << 20;
  TlsClient large(careless);
  driver_.add(large);
  const SessionId session = driver_.connect(large).session;
  large.send(Bytes(5 << 20, 1));
  EXPECT_EQ(driver_.server_event<Disconnected>().session, session);
  driver_.client_event<Down>(large);
  client.send(as_bytes("still here"));
  EXPECT_EQ(as_text(driver_.server_event<Received>().message), "still here");
}

TEST_F(TlsTransportTest, ASiteThatDoesNotTakeItsDataIsDropped) {
  TlsServerOptions options = server_options();
  options.max_queued_bytes = 4 << 20;
  TlsServer server(options);
  Driver driver(server);
  TlsClient slow(client_options(server.endpoint()));
  driver.add(slow);
  const SessionId session = driver.connect(slow).session;
  // It does not receive from here on, so kernel and ZeroMQ fill up first.
  std::optional<Disconnected> end;
  for (int i = 0; i < 400 && !end; ++i) {
    server.send(session, Bytes(1 << 20, 1));
    while (const std::optional<ServerEvent> event = server.receive(now()))
      if (std::holds_alternative<Disconnected>(*event)) end = std::get<Disconnected>(*event);
  }
  ASSERT_TRUE(end);
  EXPECT_NE(end->reason.find("max_queued_bytes"), std::string::npos) << end->reason;
}

TEST_F(TlsTransportTest, ASilentSiteIsDroppedAndTold) {
  TlsServerOptions options = server_options();
  options.peer_timeout = Milliseconds(100);
  TlsServer server(options);
  Driver driver(server);
  TlsClient client(client_options(server.endpoint()));
  driver.add(client);
  const SessionId session = driver.connect(client).session;
  const Disconnected end = driver.server_event<Disconnected>();
  EXPECT_EQ(end.session, session);
  EXPECT_NE(end.reason.find("nothing heard"), std::string::npos) << end.reason;
  driver.client_event<Down>(client);
}

TEST_F(TlsTransportTest, AFullServerSaysSo) {
  TlsServerOptions options = server_options();
  options.max_sessions = 1;
  TlsServer server(options);
  Driver driver(server);
  TlsClient first(client_options(server.endpoint())), second(client_options(server.endpoint(), "beta"));
  driver.add(first);
  driver.add(second);
  driver.connect(first);
  second.connect();
  const Down down = driver.client_event<Down>(second);
  EXPECT_NE(down.reason.find("full"), std::string::npos) << down.reason;
  EXPECT_FALSE(down.permanent);
  first.close();
  driver.server_event<Disconnected>();
  driver.connect(second);
}

TEST_F(TlsTransportTest, NobodyListeningAndNoAnswerAreNotPermanent) {
  std::string vacant;
  { vacant = TlsServer(server_options()).endpoint(); }
  TlsClient client(client_options(vacant));
  client.connect();
  const std::optional<ClientEvent> refused = client.receive(now() + Milliseconds(20'000));
  ASSERT_TRUE(refused && std::holds_alternative<Down>(*refused));
  EXPECT_NE(std::get<Down>(*refused).reason.find("cannot connect"), std::string::npos);
  EXPECT_FALSE(std::get<Down>(*refused).permanent);

  TlsClientOptions impatient = client_options(server_.endpoint());  // which nobody drives here
  impatient.handshake_timeout = Milliseconds(50);
  TlsClient waiting(impatient);
  waiting.connect();
  const std::optional<ClientEvent> late = waiting.receive(now() + Milliseconds(20'000));
  ASSERT_TRUE(late && std::holds_alternative<Down>(*late));
  EXPECT_NE(std::get<Down>(*late).reason.find("no session within"), std::string::npos);
}

TEST_F(TlsTransportTest, ARefusedSiteLearnsWhyAndThatItIsPermanent) {
  TlsServerOptions options = server_options();
  options.credentials = test_pki().others("coordinator");
  TlsServer other(options);
  Driver driver(other);
  TlsClient client(client_options(other.endpoint()));
  driver.add(client);
  client.connect();
  const Down down = driver.client_event<Down>(client);
  EXPECT_NE(down.reason.find("another CA"), std::string::npos) << down.reason;
  EXPECT_NE(down.reason.find(other.endpoint()), std::string::npos) << down.reason;
  EXPECT_TRUE(down.permanent);
  EXPECT_TRUE(driver.server_events().empty());
}

template <class Make>
std::string config_error(Make make) {
  try {
    make();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no ConfigError";
}

TEST_F(TlsTransportTest, BadOptionsAreConfigErrorsWithPlaceAndRemedy) {
  TlsServerOptions taken = server_options();
  taken.endpoint = server_.endpoint();
  try {
    TlsServer second(taken);
    ADD_FAILURE() << "two servers at one port";
  } catch (const Failure& failure) {  // the port may be free in a minute
    EXPECT_NE(std::string(failure.what()).find(taken.endpoint + ": the port is in use"), std::string::npos)
        << failure.what();
  }
  for (const char* endpoint : {"127.0.0.1:7733", "ipc:///tmp/x", "tcp://127.0.0.1:notaport", "tcp://127.0.0.1"}) {
    TlsServerOptions malformed = server_options();
    malformed.endpoint = endpoint;
    EXPECT_NE(config_error([&] { TlsServer server(malformed); }).find(endpoint), std::string::npos);
    EXPECT_NE(config_error([&] { TlsClient client(client_options(endpoint)); }).find(endpoint), std::string::npos);
  }
  TlsServerOptions wrong_role = server_options();
  wrong_role.credentials = test_pki().files("alpha");
  EXPECT_NE(config_error([&] { TlsServer server(wrong_role); }).find("role coordinator"), std::string::npos);
  const std::string expired = config_error([&] { TlsClient client(client_options("tcp://127.0.0.1:1", "expired")); });
  EXPECT_NE(expired.find("expired on"), std::string::npos) << expired;
}

}  // namespace
}  // namespace weft::net
