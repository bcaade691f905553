// Strangers who flood, stall and lie: each costs itself its connection, and the sites nothing.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zmq.hpp>

#include "tests/net/net_support.h"

namespace weft::net {
namespace {

TlsServerOptions server_options() {
  return {.endpoint = "tcp://127.0.0.1:*", .credentials = test_pki().files("coordinator")};
}

// A TCP connection that says what it likes.
class Stranger {
 public:
  explicit Stranger(const std::string& endpoint) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{
        .sin_family = AF_INET,
        .sin_port = htons(static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)))),
        .sin_addr = {htonl(INADDR_LOOPBACK)},
        .sin_zero = {}};
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~Stranger() { ::close(fd_); }
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;

  // As much as the socket takes now; false when the other side has closed it.
  bool send(ByteSpan bytes) const {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent >= 0 || errno == EAGAIN;
  }
  bool open() const {
    std::uint8_t byte = 0;
    for (;;) {
      const ssize_t got = ::recv(fd_, &byte, 1, MSG_DONTWAIT);
      if (got == 0 || (got < 0 && errno != EAGAIN)) return false;
      if (got < 0) return true;
    }
  }
  // ZMTP 3.0: greeting, then READY of a DEALER.
  void greet() const {
    Bytes greeting(64);
    greeting[0] = 0xff, greeting[9] = 0x7f, greeting[10] = 3;
    std::copy_n("NULL", 4, greeting.begin() + 12);
    send(greeting);
    const std::string ready(
        "\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06"
        "DEALER",
        30);
    send(as_bytes(ready));
  }

 private:
  int fd_;
};

class HostileTest : public testing::Test {
 protected:
  // Until `done`, while the server runs.
  template <class Done>
  bool drive(TlsServer& server, const Done& done) {
    for (const TimePoint start = now(); in_time(start);) {
      if (done()) return true;
      server.receive(soon());
    }
    return false;
  }
};

TEST_F(HostileTest, AConnectionThatSaysNothingIsClosed) {
  TlsServerOptions options = server_options();
  options.handshake_timeout = Milliseconds(50);
  TlsServer server(options);
  const Stranger silent(server.endpoint());
  Stranger greeted(server.endpoint());
  greeted.greet();
  EXPECT_TRUE(drive(server, [&] { return !silent.open() && !greeted.open(); }));
}

TEST_F(HostileTest, AHandshakeThatStopsInTheMiddleIsTold) {
  TlsServerOptions options = server_options();
  options.handshake_timeout = Milliseconds(50);
  TlsServer server(options);
  zmq::context_t context;
  zmq::socket_t half(context, zmq::socket_type::dealer);
  half.set(zmq::sockopt::linger, 0);
  half.connect(server.endpoint());
  const TlsContext client(Side::client, test_pki().files("alpha"));
  BufferPool pool;
  TlsSession session(client, {}, pool);
  const FrameBuffer hello = session.take_output();
  half.send(zmq::buffer(hello.bytes().data(), hello.size()), zmq::send_flags::none);
  int answers = 0;  // the server's flight, then its farewell
  zmq::message_t answer;
  EXPECT_TRUE(drive(server, [&] {
    if (half.recv(answer, zmq::recv_flags::dontwait)) ++answers;
    return answers == 2;
  }));
}

TEST_F(HostileTest, AFloodOfConnectionsLeavesRoomForSites) {
  TlsServerOptions options = server_options();
  options.max_unverified = 8;
  TlsServer server(options);
  Driver driver(server);
  std::vector<std::unique_ptr<Stranger>> flood;
  for (int i = 0; i < 60; ++i) flood.push_back(std::make_unique<Stranger>(server.endpoint()));
  const auto still_open = [&] {
    return std::count_if(flood.begin(), flood.end(), [](const auto& each) { return each->open(); });
  };
  EXPECT_TRUE(drive(server, [&] { return still_open() <= 8; }));
  TlsClient site({.endpoint = server.endpoint(), .credentials = test_pki().files("alpha")});
  driver.add(site);
  EXPECT_EQ(driver.connect(site).site.name, "alpha");
  for (int i = 0; i < 60; ++i) flood.push_back(std::make_unique<Stranger>(server.endpoint()));
  EXPECT_TRUE(drive(server, [&] { return still_open() <= 8; }));
  site.send(as_bytes("still here"));
  EXPECT_EQ(as_text(driver.server_event<Received>().message), "still here");
}

// ZeroMQ delivers a message when its last part is there, and holds the others without a limit.
TEST_F(HostileTest, AMessageOfEndlessPartsEndsItsConnection) {
  TlsServer server(server_options());
  const Stranger endless(server.endpoint());
  endless.greet();
  Bytes part(2 + 250, 0);
  part[0] = 1;  // more follow
  part[1] = 250;
  Bytes parts;
  for (int i = 0; i < 100; ++i) parts.insert(parts.end(), part.begin(), part.end());
  EXPECT_TRUE(drive(server, [&] { return !endless.send(parts) || !endless.open(); }));
}

// The server's owner is busy: it minds its server now and then, and does not receive.
TEST_F(HostileTest, AMessageOfEndlessPartsEndsItsConnectionAlsoWhileNobodyReceives) {
  TlsServer server(server_options());
  const Stranger endless(server.endpoint());
  endless.greet();
  Bytes parts;
  for (int i = 0; i < 100; ++i) {
    parts.insert(parts.end(), {1, 250});  // more follow
    parts.resize(parts.size() + 250);
  }
  bool ended = false;
  for (const TimePoint start = now(); in_time(start) && !ended;) {
    ended = !endless.send(parts) || !endless.open();
    server.mind();
  }
  EXPECT_TRUE(ended);
}

TEST_F(HostileTest, GarbageAfterTheEndOfASessionEndsTheConnection) {
  TlsServer server(server_options());
  const Stranger garbage(server.endpoint());
  garbage.greet();
  const Bytes frame{0, 5, 'h', 'e', 'l', 'l', 'o'};
  EXPECT_TRUE(drive(server, [&] { return !garbage.send(frame) || !garbage.open(); }));
}

// A site that never stops sending must not keep a stranger's time from running out.
TEST_F(HostileTest, AFloodOfMessagesDoesNotStopTheTimersOfOthers) {
  TlsServerOptions options = server_options();
  options.handshake_timeout = Milliseconds(50);
  TlsServer server(options);
  Driver driver(server);
  TlsClient site({.endpoint = server.endpoint(), .credentials = test_pki().files("alpha")});
  driver.add(site);
  driver.connect(site);
  const Stranger silent(server.endpoint());
  for (const TimePoint start = now(); in_time(start) && silent.open();) {
    for (int i = 0; i < 50; ++i) site.send(as_bytes("again"));
    site.receive(now());
    for (int i = 0; i < 25; ++i) server.receive(soon());  // half of it: there is always more
  }
  EXPECT_FALSE(silent.open());
}

}  // namespace
}  // namespace weft::net
