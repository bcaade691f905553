// One tensor payload in chunks, either way: the sender keeps at most kWindowBytes beyond the last acknowledged offset
// in flight, the receiver checks every chunk and the whole, and either side can begin again at an offset. A payload is
// the flat fp32 buffer of a state dict, little-endian, in manifest order; its digest is SHA-256 as hex.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/base/bytes.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/result.h"
#include "common/tensor/state_dict.h"
#include "common/wire/messages.h"

namespace weft::wire {

Bytes payload_of(const StateDict& state);
// Error when the size is not the manifest's.
Result<StateDict> state_from_payload(ByteSpan payload, std::shared_ptr<const Manifest> manifest);

// What is sent, wherever it lies: in memory, or in a file of which a chunk at a time is read.
class Payload {
 public:
  Payload(std::shared_ptr<const Bytes> whole);  // NOLINT(google-explicit-constructor): bytes are a payload
  // What is in `file` from byte `begin` on, to its end.
  Payload(std::shared_ptr<const RandomReader> file, std::uint64_t begin);
  std::uint64_t size() const;
  // Throws Failure when the file cannot be read.
  Bytes read(std::uint64_t offset, std::size_t size) const;

 private:
  std::shared_ptr<const Bytes> whole_;
  std::shared_ptr<const RandomReader> file_;
  std::uint64_t begin_ = 0;
};

class ChunkSender {
 public:
  // `offset`, from the peer, was checked: at most the payload's size.
  ChunkSender(Payload payload, std::string digest, std::uint64_t offset);
  // The next chunk, or nothing while the window is full or all is sent.
  std::optional<Chunk> next();
  // Error for an offset that goes back or was never sent. Acks of other payloads are ignored.
  Status on(const Ack& ack);
  bool done() const;  // all is acknowledged

 private:
  Payload payload_;
  std::string digest_;
  std::uint64_t sent_, acknowledged_;
};

// What a receiver checks of each chunk, without keeping what came.
class ChunkPlace {
 public:
  struct Accepted {
    ByteSpan fresh;  // into the chunk: what was not here yet, to be kept behind what was
    Ack ack;         // to be answered once that is done
  };
  // `bytes` and `here`, what is here already, were checked by the caller: 0 <= here <= bytes, 0 < bytes.
  ChunkPlace(std::string digest, std::uint64_t bytes, std::uint64_t here);
  // Error names what is wrong (gap, checksum, beyond the end, another payload); a chunk that was here already is
  // acknowledged again.
  Result<Accepted> on(const Chunk& chunk);
  std::uint64_t offset() const { return here_; }
  std::uint64_t bytes() const { return bytes_; }
  const std::string& digest() const { return digest_; }
  bool complete() const { return here_ == bytes_; }
  void clear() { here_ = 0; }

 private:
  std::string digest_;
  std::uint64_t bytes_, here_;
};

// The same, and the whole.
class ChunkCheck {
 public:
  using Accepted = ChunkPlace::Accepted;
  // `bytes` was checked by the caller and is not 0.
  ChunkCheck(std::string digest, std::uint64_t bytes);
  // As ChunkPlace. With the last one the whole is verified: when the digest differs it is an Error, and nothing is here
  // any more.
  Result<Accepted> on(const Chunk& chunk);
  std::uint64_t offset() const { return place_.offset(); }
  std::uint64_t bytes() const { return place_.bytes(); }
  const std::string& digest() const { return place_.digest(); }
  bool complete() const { return place_.complete(); }  // and verified

 private:
  ChunkPlace place_;
  Sha256 hash_;  // of what is here
};

// Keeps it in memory.
class ChunkReceiver {
 public:
  // As ChunkCheck. Memory is reserved at the first chunk, used as it fills.
  ChunkReceiver(std::string digest, std::uint64_t bytes) : check_(std::move(digest), bytes) {}
  // What to answer; an Error as of ChunkCheck, and the receiver is empty when the whole is not what was promised.
  Result<Ack> on(const Chunk& chunk);
  std::uint64_t offset() const { return check_.offset(); }
  std::uint64_t bytes() const { return check_.bytes(); }
  const std::string& digest() const { return check_.digest(); }
  bool complete() const { return check_.complete(); }  // and verified
  Bytes take() { return std::move(data_); }

 private:
  ChunkCheck check_;
  Bytes data_;
};

}  // namespace weft::wire
