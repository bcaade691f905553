// One ZeroMQ socket as the TLS transports need it: frames in and out without copies, connection events, and one wait
// for all of them. For sources of net only. One thread, except Wakeup::wake().
#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/net/frame_buffer.h"

namespace weft::net {

// Ends a wait from another thread. A wake before the wait is not lost.
class Wakeup {
 public:
  Wakeup();  // Failure when the process has no file descriptor left
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;
  ~Wakeup();
  void wake();
  bool take();  // whether wake() was called since the last take()
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
  std::atomic<bool> woken_{false};
};

// What a peer has not taken yet. Shared with ZeroMQ's own thread.
struct SendQueue {
  std::atomic<std::size_t> bytes{0};
};

class ZmqContext {
 public:
  ZmqContext();
  ~ZmqContext();  // waits for the linger time of its links at most

 private:
  friend class ZmqLink;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A received frame, in ZeroMQ's memory.
class Frame {
 public:
  struct Impl;
  explicit Frame(std::unique_ptr<Impl> impl);
  Frame(Frame&&) noexcept;
  ~Frame();
  ByteSpan bytes() const;

 private:
  std::unique_ptr<Impl> impl_;
};

struct Incoming {
  std::string route;  // of the peer, at a server
  int fd = -1;        // of the peer's connection, a hint; -1 when not known
  Frame frame;
};

struct LinkEvent {
  enum class Kind { accepted, failed, lost } kind;  // a peer has connected; could not connect; a connection has gone
  int fd = -1;                                      // as in Incoming
};

struct LinkOptions {
  enum class Kind { router, dealer } kind;
  std::size_t max_frame_bytes = 0;  // a larger frame ends its connection before it is allocated
  Milliseconds heartbeat_interval{5'000};
  Milliseconds stall_timeout{60'000};  // a peer that takes nothing from its socket for so long loses the connection
};

class ZmqLink {
 public:
  ZmqLink(ZmqContext& context, const LinkOptions& options);
  ~ZmqLink();
  std::string bind(const std::string& endpoint);  // returns the endpoint with its real port; ConfigError
  void connect(const std::string& endpoint);      // ConfigError when malformed
  void linger(Milliseconds time);                 // how long frames may still leave after the end; 0 at first

  std::optional<Incoming> receive();  // without waiting
  // Hands a frame to ZeroMQ, which owns it until it is sent; false when the peer has gone. Never waits.
  bool send(const std::string& route, FrameBuffer frame, const std::shared_ptr<SendQueue>& queue,
            const std::shared_ptr<BufferPool>& pool);
  std::optional<LinkEvent> next_event();
  // Until a frame or an event of `link` (if there is one), a wake-up or the time.
  static void wait(const ZmqLink* link, TimePoint until, const Wakeup& wakeup);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Of a peer's connection, whose descriptor ZeroMQ owns. All are harmless when it has gone.
std::string address_of(int fd);        // "10.0.0.7", "2001:db8::/64"; empty when it is not known
std::uint64_t received_bytes(int fd);  // of TCP's payload, since it was made
void cut(int fd);                      // ZeroMQ notices, and closes it

// ConfigError unless it reads tcp://HOST:PORT. A port of 0 or * is for bind() only.
void require_endpoint(const std::string& endpoint);

// ZMTP 3.0: one flag byte and a length of one byte, or of eight for frames over 255 bytes.
constexpr std::uint64_t framed_bytes(std::size_t frame) { return frame + (frame > 255 ? 9 : 2); }
// The largest frame that carries one message, with room for a handshake flight before it.
constexpr std::size_t max_frame_bytes(std::size_t max_message_bytes) {
  return max_message_bytes + max_message_bytes / 512 + (64 << 10);
}

}  // namespace weft::net
