// What every transport promises, asked of both.
#include <thread>

#include "common/net/in_process.h"
#include "tests/net/net_support.h"

namespace weft::net {
namespace {

struct InProcessWorld {
  InProcessHub hub;
  std::unique_ptr<ServerTransport> make_server() { return hub.server(); }
  std::unique_ptr<ClientTransport> make_client(const std::string& site) { return hub.client(SiteId{site}); }
};

struct TlsWorld {
  std::string endpoint;
  std::unique_ptr<ServerTransport> make_server() {
    auto server = std::make_unique<TlsServer>(
        TlsServerOptions{.endpoint = "tcp://127.0.0.1:*", .credentials = test_pki().files("coordinator")});
    endpoint = server->endpoint();
    return server;
  }
  std::unique_ptr<ClientTransport> make_client(const std::string& site) {
    return std::make_unique<TlsClient>(TlsClientOptions{.endpoint = endpoint, .credentials = test_pki().files(site)});
  }
};

template <class World>
class TransportContractTest : public testing::Test {
 protected:
  World world_;
  std::unique_ptr<ServerTransport> server_ = world_.make_server();
  Driver driver_{*server_};
  std::unique_ptr<ClientTransport> client(const std::string& site) {
    auto made = world_.make_client(site);
    driver_.add(*made);
    return made;
  }
};
using Worlds = testing::Types<InProcessWorld, TlsWorld>;
TYPED_TEST_SUITE(TransportContractTest, Worlds);

TYPED_TEST(TransportContractTest, CarriesMessagesBothWaysUnderTheSitesName) {
  const auto alpha = this->client("alpha"), beta = this->client("beta");
  const Connected first = this->driver_.connect(*alpha), second = this->driver_.connect(*beta);
  EXPECT_EQ(first.site.name, "alpha");
  EXPECT_EQ(second.site.name, "beta");
  EXPECT_NE(first.session, second.session);
  beta->send(as_bytes("from beta"));
  const auto received = this->driver_.template server_event<Received>();
  EXPECT_EQ(received.session, second.session);
  EXPECT_EQ(as_text(received.message), "from beta");
  this->server_->send(first.session, as_bytes("to alpha"));
  EXPECT_EQ(as_text(this->driver_.template client_event<Message>(*alpha).bytes), "to alpha");
  EXPECT_TRUE(this->driver_.client_events(*beta).empty());
}

TYPED_TEST(TransportContractTest, KeepsOrderAndEveryByteOfManyMessages) {
  const auto alpha = this->client("alpha");
  const SessionId session = this->driver_.connect(*alpha).session;
  constexpr int kCount = 500;
  for (int i = 0; i < kCount; ++i) {
    const Bytes message = noise(static_cast<std::size_t>(i % 7 == 0 ? i * 90 : i % 5), static_cast<std::uint64_t>(i));
    alpha->send(message);
    this->server_->send(session, message);
  }
  for (int i = 0; i < kCount; ++i) {
    const Bytes expected = noise(static_cast<std::size_t>(i % 7 == 0 ? i * 90 : i % 5), static_cast<std::uint64_t>(i));
    ASSERT_EQ(this->driver_.template server_event<Received>().message, expected) << i;
    ASSERT_EQ(this->driver_.template client_event<Message>(*alpha).bytes, expected) << i;
  }
}

TYPED_TEST(TransportContractTest, CarriesTheLargestMessage) {
  const auto alpha = this->client("alpha");
  const SessionId session = this->driver_.connect(*alpha).session;
  const Bytes large = noise((2 << 20) + 1024, 1);
  alpha->send(large);
  EXPECT_EQ(this->driver_.template server_event<Received>().message, large);
  this->server_->send(session, large);
  EXPECT_EQ(this->driver_.template client_event<Message>(*alpha).bytes, large);
  EXPECT_GE(this->server_->traffic(session).received, large.size());
  EXPECT_GE(this->server_->traffic(session).sent, large.size());
  EXPECT_GE(alpha->traffic().received, large.size());
  EXPECT_EQ(alpha->traffic().sent, this->server_->traffic().received);
  EXPECT_EQ(alpha->traffic().received, this->server_->traffic().sent);
}

TYPED_TEST(TransportContractTest, ReceiveEndsAtItsDeadline) {
  const auto alpha = this->client("alpha");
  const TimePoint deadline = now() + Milliseconds(30);
  EXPECT_FALSE(this->server_->receive(deadline));
  EXPECT_GE(now(), deadline);
  EXPECT_FALSE(alpha->receive(now() + Milliseconds(1)));
}

TYPED_TEST(TransportContractTest, WakeEndsAWaitThatHasNoDeadline) {
  const auto alpha = this->client("alpha");
  {
    const std::jthread waker([&] { this->server_->wake(); });
    EXPECT_FALSE(this->server_->receive(TimePoint::max()));
  }
  alpha->wake();  // before the wait: not lost
  EXPECT_FALSE(alpha->receive(TimePoint::max()));
  this->driver_.connect(*alpha);
  const std::jthread waker([&] { alpha->wake(); });
  EXPECT_FALSE(alpha->receive(TimePoint::max()));
}

TYPED_TEST(TransportContractTest, ServerEndsASessionAfterItsLastMessage) {
  const auto alpha = this->client("alpha");
  const SessionId session = this->driver_.connect(*alpha).session;
  this->server_->send(session, as_bytes("last"));
  this->server_->disconnect(session);
  this->server_->send(session, as_bytes("never"));
  EXPECT_EQ(this->driver_.template server_event<Disconnected>().session, session);
  EXPECT_EQ(as_text(this->driver_.template client_event<Message>(*alpha).bytes), "last");
  const Down down = this->driver_.template client_event<Down>(*alpha);
  EXPECT_NE(down.reason.find("the coordinator ended the session"), std::string::npos) << down.reason;
  EXPECT_FALSE(down.permanent);
  alpha->send(as_bytes("never"));
  EXPECT_EQ(this->server_->traffic(session).sent, 0U);
}

TYPED_TEST(TransportContractTest, ClosedClientIsSeenAndComesBackAsANewSession) {
  const auto alpha = this->client("alpha");
  const SessionId first = this->driver_.connect(*alpha).session;
  alpha->send(as_bytes("goodbye"));
  alpha->close();
  EXPECT_EQ(as_text(this->driver_.template server_event<Received>().message), "goodbye");
  EXPECT_EQ(this->driver_.template server_event<Disconnected>().session, first);
  this->server_->send(first, as_bytes("too late"));
  const Connected again = this->driver_.connect(*alpha);
  EXPECT_EQ(again.site.name, "alpha");
  EXPECT_NE(again.session, first);
  this->server_->send(again.session, as_bytes("welcome back"));
  EXPECT_EQ(as_text(this->driver_.template client_event<Message>(*alpha).bytes), "welcome back");
}

TYPED_TEST(TransportContractTest, ClientGoesDownWhenTheServerEnds) {
  auto alpha = this->world_.make_client("alpha");
  this->driver_.add(*alpha);
  this->driver_.connect(*alpha);
  this->server_.reset();
  const std::optional<ClientEvent> event = alpha->receive(now() + Milliseconds(20'000));
  ASSERT_TRUE(event);
  ASSERT_TRUE(std::holds_alternative<Down>(*event));
  EXPECT_FALSE(std::get<Down>(*event).permanent);
}

TYPED_TEST(TransportContractTest, TalksBetweenThreads) {
  const auto alpha = this->world_.make_client("alpha");
  constexpr int kRounds = 200;
  const std::jthread site([&] {
    alpha->connect();
    for (int echoed = 0; echoed < kRounds;) {
      const std::optional<ClientEvent> event = alpha->receive(TimePoint::max());
      if (!event || !std::holds_alternative<Message>(*event)) continue;
      alpha->send(std::get<Message>(*event).bytes);
      ++echoed;
    }
  });
  SessionId session;
  for (int echoed = 0; echoed < kRounds;) {
    const std::optional<ServerEvent> event = this->server_->receive(now() + Milliseconds(20'000));
    ASSERT_TRUE(event);
    if (const auto* connected = std::get_if<Connected>(&*event)) {
      session = connected->session;
    } else {
      ASSERT_EQ(std::get<Received>(*event).message, noise(100, static_cast<std::uint64_t>(echoed++)));
      if (echoed == kRounds) break;
    }
    this->server_->send(session, noise(100, static_cast<std::uint64_t>(echoed)));
  }
}

}  // namespace
}  // namespace weft::net
