// A TCP proxy on loopback that records what passes, flips bits and cuts the link. For tests that ask what someone on
// the network could see or do.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "common/base/bytes.h"

namespace weft::net {

enum class Direction { to_server, to_client };

// All methods from any thread. Offsets count the bytes of one direction over all connections, in order of passing.
class TcpProxy {
 public:
  // `upstream`: "tcp://127.0.0.1:PORT" of the real server. Throws Failure when no port can be had.
  explicit TcpProxy(const std::string& upstream);
  ~TcpProxy();
  std::string endpoint() const;  // "tcp://127.0.0.1:PORT" for clients

  Bytes recorded(Direction direction) const;  // what was forwarded, after any change
  // Flips bit 0 of the byte at `offset`, once, when it passes.
  void flip_bit(Direction direction, std::uint64_t offset);
  // Of the byte that passes `ahead` bytes after those that have passed already.
  void flip_bit_ahead(Direction direction, std::uint64_t ahead);
  // Closes all connections at both ends. New ones are accepted.
  void cut();
  // From now on closes connections over which nothing passes, either way, for so long, as routers and proxies do.
  void close_idle(std::chrono::milliseconds limit);
  int connections() const;  // so far

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weft::net
