#include "common/net/in_process.h"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>

#include "common/base/result.h"

namespace weft::net {
namespace {

// Waits on `changed` until `ready()` or the deadline. TimePoint::max() would overflow inside wait_until.
template <class Ready>
void wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, TimePoint deadline, Ready ready) {
  if (deadline == TimePoint::max())
    changed.wait(lock, ready);
  else
    changed.wait_until(lock, deadline, ready);
}

template <class Event>
std::optional<Event> pop(std::deque<Event>& queue) {
  if (queue.empty()) return std::nullopt;
  Event event = std::move(queue.front());
  queue.pop_front();
  return event;
}

}  // namespace

// One mutex for the hub: messages are moved, never copied, under it, except the one copy that send() makes before.
struct InProcessHub::State {
  enum class ServerState { awaited, alive, gone };
  struct Client {
    SiteId site;
    std::deque<ClientEvent> inbox;
    std::condition_variable changed;
    bool woken = false;
    bool waiting = false;  // connect() was called before there was a server
    std::optional<SessionId> session;
    Traffic traffic;
  };
  struct Session {
    std::shared_ptr<Client> client;
    Traffic traffic;  // as the server sees it
  };

  std::mutex mutex;
  ServerState server = ServerState::awaited;
  std::condition_variable server_changed;
  std::deque<ServerEvent> server_inbox;
  bool server_woken = false;
  Traffic server_traffic;
  std::uint64_t last_session = 0;
  std::map<SessionId, Session> sessions;
  std::vector<std::weak_ptr<Client>> waiting;

  void tell_server(ServerEvent event) {
    server_inbox.push_back(std::move(event));
    server_changed.notify_one();
  }
  static void tell_client(Client& client, ClientEvent event) {
    client.inbox.push_back(std::move(event));
    client.changed.notify_one();
  }
  void start_session(const std::shared_ptr<Client>& client) {
    const SessionId id{++last_session};
    client->waiting = false;
    client->session = id;
    sessions.emplace(id, Session{client, {}});
    tell_server(Connected{id, client->site});
    tell_client(*client, Up{});
  }
  void end_session(SessionId id, const std::string& reason) {
    const auto found = sessions.find(id);
    if (found == sessions.end()) return;
    found->second.client->session.reset();
    sessions.erase(found);
    tell_server(Disconnected{id, reason});
  }
};

namespace {

using State = InProcessHub::State;

class InProcessServer final : public ServerTransport {
 public:
  explicit InProcessServer(std::shared_ptr<State> state) : state_(std::move(state)) {}

  ~InProcessServer() override {
    const std::lock_guard lock(state_->mutex);
    state_->server = State::ServerState::gone;
    for (auto& [id, session] : state_->sessions) {
      session.client->session.reset();
      State::tell_client(*session.client, Down{"the coordinator has ended", false});
    }
    state_->sessions.clear();
  }

  std::optional<ServerEvent> receive(TimePoint deadline) override {
    std::unique_lock lock(state_->mutex);
    wait(state_->server_changed, lock, deadline,
         [this] { return state_->server_woken || !state_->server_inbox.empty(); });
    std::optional<ServerEvent> event = pop(state_->server_inbox);
    if (!event) state_->server_woken = false;
    return event;
  }

  void send(SessionId id, ByteSpan message) override {
    Bytes copy(message.begin(), message.end());
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->sessions.find(id);
    if (found == state_->sessions.end()) return;
    found->second.traffic.sent += copy.size();
    state_->server_traffic.sent += copy.size();
    found->second.client->traffic.received += copy.size();
    State::tell_client(*found->second.client, Message{std::move(copy)});
  }

  void disconnect(SessionId id) override {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->sessions.find(id);
    if (found == state_->sessions.end()) return;
    State::tell_client(*found->second.client, Down{"the coordinator ended the session", false});
    state_->end_session(id, "ended by the coordinator");
  }

  void wake() override {
    const std::lock_guard lock(state_->mutex);
    state_->server_woken = true;
    state_->server_changed.notify_one();
  }

  Traffic traffic() const override {
    const std::lock_guard lock(state_->mutex);
    return state_->server_traffic;
  }

  Traffic traffic(SessionId id) const override {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->sessions.find(id);
    return found == state_->sessions.end() ? Traffic{} : found->second.traffic;
  }

 private:
  std::shared_ptr<State> state_;
};

class InProcessClient final : public ClientTransport {
 public:
  InProcessClient(std::shared_ptr<State> state, SiteId site)
      : state_(std::move(state)), self_(std::make_shared<State::Client>()) {
    self_->site = std::move(site);
  }
  ~InProcessClient() override { close(); }

  void connect() override {
    const std::lock_guard lock(state_->mutex);
    if (self_->session || self_->waiting) return;
    self_->inbox.clear();
    if (state_->server == State::ServerState::alive) return state_->start_session(self_);
    if (state_->server == State::ServerState::gone)
      return State::tell_client(*self_, Down{"the coordinator has ended", false});
    self_->waiting = true;
    state_->waiting.push_back(self_);
  }

  std::optional<ClientEvent> receive(TimePoint deadline) override {
    std::unique_lock lock(state_->mutex);
    wait(self_->changed, lock, deadline, [this] { return self_->woken || !self_->inbox.empty(); });
    std::optional<ClientEvent> event = pop(self_->inbox);
    if (!event) self_->woken = false;
    return event;
  }

  void send(ByteSpan message) override {
    Bytes copy(message.begin(), message.end());
    const std::lock_guard lock(state_->mutex);
    if (!self_->session) return;
    self_->traffic.sent += copy.size();
    state_->server_traffic.received += copy.size();
    state_->sessions.at(*self_->session).traffic.received += copy.size();
    state_->tell_server(Received{*self_->session, std::move(copy)});
  }

  void close() override {
    const std::lock_guard lock(state_->mutex);
    self_->inbox.clear();
    self_->waiting = false;
    if (self_->session) state_->end_session(*self_->session, "ended by the site");
  }

  void wake() override {
    const std::lock_guard lock(state_->mutex);
    self_->woken = true;
    self_->changed.notify_one();
  }

  Traffic traffic() const override {
    const std::lock_guard lock(state_->mutex);
    return self_->traffic;
  }

 private:
  std::shared_ptr<State> state_;
  std::shared_ptr<State::Client> self_;
};

}  // namespace

InProcessHub::InProcessHub() : state_(std::make_shared<State>()) {}
InProcessHub::~InProcessHub() = default;

std::unique_ptr<ServerTransport> InProcessHub::server() {
  const std::lock_guard lock(state_->mutex);
  WEFT_CHECK(state_->server == State::ServerState::awaited, "a hub has one server");
  state_->server = State::ServerState::alive;
  for (const auto& waiting : state_->waiting)
    if (const auto client = waiting.lock(); client != nullptr && client->waiting) state_->start_session(client);
  state_->waiting.clear();
  return std::make_unique<InProcessServer>(state_);
}

std::unique_ptr<ClientTransport> InProcessHub::client(SiteId site) {
  return std::make_unique<InProcessClient>(state_, std::move(site));
}

}  // namespace weft::net
