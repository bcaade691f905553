// A stranger's TCP connection that speaks ZMTP 3.0 and says what it likes. For benchmarks on loopback.
#pragma once
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "common/base/bytes.h"

namespace weft {

class HostilePeer {
 public:
  explicit HostilePeer(const std::string& endpoint) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{.tv_sec = 0, .tv_usec = 100'000};  // a cut connection may take nothing and not say so
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    open_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  HostilePeer(HostilePeer&& other) noexcept : fd_(other.fd_), open_(other.open_) { other.fd_ = -1; }
  HostilePeer& operator=(HostilePeer&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(open_, other.open_);
    return *this;
  }
  ~HostilePeer() {
    if (fd_ >= 0) ::close(fd_);
  }
  bool open() const { return open_; }

  void greet() {
    Bytes greeting(64);
    greeting[0] = 0xff, greeting[9] = 0x7f, greeting[10] = 3;
    std::copy_n("NULL", 4, greeting.begin() + 12);
    send(greeting);
    send(
        as_bytes(std::string("\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06"
                             "DEALER",
                             30)));
  }
  // With the header of one frame, which is the last of its message or not.
  void send_frame(ByteSpan body, bool last) {
    Bytes frame{static_cast<std::uint8_t>((body.size() > 255 ? 2 : 0) | (last ? 0 : 1))};
    for (int shift = body.size() > 255 ? 56 : 0; shift >= 0; shift -= 8)
      frame.push_back(static_cast<std::uint8_t>(body.size() >> shift));
    frame.insert(frame.end(), body.begin(), body.end());
    send(frame);
  }
  void send(ByteSpan bytes) {
    while (open_ && !bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      open_ = sent > 0;
      if (open_) bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
  }

 private:
  int fd_;
  bool open_ = false;
};

}  // namespace weft
