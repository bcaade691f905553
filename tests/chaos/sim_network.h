// A network in memory between one coordinator and its sites, as TLS over ZeroMQ shows it to them: messages of a session
// come whole and in order, late, or not at all. A frame that is lost, repeated, reordered or torn breaks the record
// layer of whoever receives it or the next one, and the session ends. A cut link holds everything back; each end gives
// up by itself after the peer timeout.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/rng.h"
#include "common/net/transport.h"
#include "tests/chaos/machine.h"

namespace weft::chaos {

inline constexpr Milliseconds kPeerTimeout{60'000}, kHandshakeTimeout{10'000};

class SimNetwork {
 public:
  SimNetwork(Schedule& schedule, RngStream random) : schedule_(schedule), random_(random) {}

  // The coordinator's end. Lives as long as its process.
  class Server final : public net::ServerTransport {
   public:
    Server(SimNetwork& network, Machine& machine);
    ~Server() override;
    std::optional<net::ServerEvent> receive(TimePoint deadline) override;
    void send(net::SessionId session, ByteSpan message) override;
    void disconnect(net::SessionId session) override;
    void wake() override { woken = true; }
    net::Traffic traffic() const override { return traffic_; }
    net::Traffic traffic(net::SessionId) const override { return {}; }
    bool woken = false;
    bool ready() const { return woken || !inbox_.empty(); }

   private:
    friend class SimNetwork;
    SimNetwork& network_;
    Machine& machine_;
    std::deque<net::ServerEvent> inbox_;
    net::Traffic traffic_;
  };

  // A site's end.
  class Client final : public net::ClientTransport {
   public:
    Client(SimNetwork& network, Machine& machine, SiteId site);
    ~Client() override;
    void connect() override;
    std::optional<net::ClientEvent> receive(TimePoint deadline) override;
    void send(ByteSpan message) override;
    void close() override;
    void wake() override { woken = true; }
    net::Traffic traffic() const override { return {}; }
    bool woken = false;
    bool ready() const { return woken || !inbox_.empty(); }

   private:
    friend class SimNetwork;
    SimNetwork& network_;
    Machine& machine_;
    SiteId site_;
    std::uint64_t session_ = 0;  // 0: none
    std::uint64_t attempt_ = 0;
    std::deque<net::ClientEvent> inbox_;
  };

  double frame_fault = 0;  // chance of one frame to be lost, repeated, reordered or torn
  Milliseconds latency{5}, jitter{20};
  std::size_t bytes_per_ms = 1'000'000;                                 // of a session, either way
  std::function<void(const SiteId&, ByteSpan)> on_server_message = {};  // sees what the coordinator says
  std::string certificate;                                              // of the coordinator, as sites see it
  void cut(const SiteId& site);
  void heal(const SiteId& site);
  void revoke(const SiteId& site);  // its certificate: its sessions end, and it gets no other
  // The end of a process: peers hear of it, or, when its machine lost power, do not.
  void process_ended(const SiteId* site, bool silent);

 private:
  enum End { at_server, at_client };
  struct Frame {
    std::uint64_t number = 0;
    Bytes bytes;
    bool torn = false;
  };
  struct Session {
    SiteId site;
    bool open[2] = {true, true};             // whether that end believes in it
    std::uint64_t sent[2] = {0, 0};          // frames towards that end
    std::uint64_t received[2] = {0, 0};      // by that end
    TimePoint last[2];                       // when the last frame towards that end arrives
    std::deque<std::pair<End, Frame>> held;  // while the link is cut
  };
  Milliseconds delay() { return latency + Milliseconds(random_.below(static_cast<std::uint64_t>(jitter.count()) + 1)); }
  void dial(const SiteId& site, std::uint64_t attempt);
  void transmit(std::uint64_t id, End to, ByteSpan bytes);
  void plan(std::uint64_t id, End to, Frame frame, Milliseconds extra);
  void arrive(std::uint64_t id, End to, Frame frame);
  void end(std::uint64_t id, End which, const std::string& reason);  // that end stops believing in the session
  void end_later(std::uint64_t id, End which, Milliseconds after, const std::string& reason);
  void close(std::uint64_t id, End by);
  Client* client(const SiteId& site);

  Schedule& schedule_;
  RngStream random_;
  Server* server_ = nullptr;
  std::map<SiteId, Client*> clients_;
  std::map<std::uint64_t, Session> sessions_;
  std::map<SiteId, std::uint64_t> cut_;  // which cut of the link it is
  std::set<SiteId> revoked_;
  std::uint64_t last_session_ = 0, last_cut_ = 0, last_attempt_ = 0;
};

}  // namespace weft::chaos
