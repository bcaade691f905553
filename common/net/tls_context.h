// The OpenSSL side of a TlsContext. For sources of net only.
#pragma once
#include <filesystem>
#include <memory>

#include "common/net/tls_session.h"

struct ssl_ctx_st;
struct bio_method_st;

namespace weft::net {

inline constexpr char kProtocol[] = "weft/1";

struct ContextDeleter {
  void operator()(ssl_ctx_st* context) const;
  void operator()(bio_method_st* method) const;
};

struct TlsContext::Impl {
  Side side = Side::server;
  std::filesystem::path ca;
  std::unique_ptr<ssl_ctx_st, ContextDeleter> context;
  std::unique_ptr<bio_method_st, ContextDeleter> memory;  // reads from and writes to a MemoryWire
};

// Where a session's BIO reads and writes: the frame being fed, and the frame being made.
struct MemoryWire {
  ByteSpan input;
  FrameBuffer output;
};
std::unique_ptr<bio_method_st, ContextDeleter> memory_wire_method();

}  // namespace weft::net
