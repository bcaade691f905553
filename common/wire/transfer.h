// One tensor payload in chunks, either way: the sender keeps at most kWindowBytes beyond the last acknowledged offset
// in flight, the receiver checks every chunk and the whole, and either side can begin again at an offset. A payload is
// the flat fp32 buffer of a state dict, little-endian, in manifest order; its digest is SHA-256 as hex.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/base/bytes.h"
#include "common/base/digest.h"
#include "common/base/result.h"
#include "common/tensor/state_dict.h"
#include "common/wire/messages.h"

namespace weft::wire {

Bytes payload_of(const StateDict& state);
// Error when the size is not the manifest's.
Result<StateDict> state_from_payload(ByteSpan payload, std::shared_ptr<const Manifest> manifest);

class ChunkSender {
 public:
  // `offset`, from the peer, was checked: at most the payload's size.
  ChunkSender(std::shared_ptr<const Bytes> payload, std::string digest, std::uint64_t offset);
  // The next chunk, or nothing while the window is full or all is sent.
  std::optional<Chunk> next();
  // Error for an offset that goes back or was never sent. Acks of other payloads are ignored.
  Status on(const Ack& ack);
  bool done() const;  // all is acknowledged

 private:
  std::shared_ptr<const Bytes> payload_;
  std::string digest_;
  std::uint64_t sent_, acknowledged_;
};

class ChunkReceiver {
 public:
  // `bytes` was checked by the caller and is not 0. Memory is reserved at the first chunk, used as it fills.
  ChunkReceiver(std::string digest, std::uint64_t bytes);
  // What to answer. Error names what is wrong (gap, checksum, beyond the end, another payload); a chunk that was there
  // already is acknowledged again. After the last one the whole is verified: when the digest differs it is an Error,
  // and the receiver is empty again.
  Result<Ack> on(const Chunk& chunk);
  std::uint64_t offset() const { return data_.size(); }
  std::uint64_t bytes() const { return bytes_; }
  const std::string& digest() const { return digest_; }
  bool complete() const { return data_.size() == bytes_; }  // and verified
  Bytes take() { return std::move(data_); }

 private:
  std::string digest_;
  std::uint64_t bytes_;
  Bytes data_;
  Sha256 hash_;  // of data_
};

}  // namespace weft::wire
