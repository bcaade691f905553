// Sending and receiving one payload in chunks.
#include "common/wire/transfer.h"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace weft::wire {
namespace {

static_assert(std::endian::native == std::endian::little, "a payload is the little-endian buffer itself");

std::uint32_t crc_of(ByteSpan data) { return static_cast<std::uint32_t>(::crc32_z(0, data.data(), data.size())); }

std::string at(std::uint64_t offset) { return "at byte " + std::to_string(offset); }

}  // namespace

Bytes payload_of(const StateDict& state) {
  const ByteSpan bytes = bytes_of(std::span<const float>(state.values));
  return {bytes.begin(), bytes.end()};
}

Result<StateDict> state_from_payload(ByteSpan payload, std::shared_ptr<const Manifest> manifest) {
  const std::size_t expected = manifest->total() * sizeof(float);
  if (payload.size() != expected)
    return Error{"payload has " + std::to_string(payload.size()) + " bytes, expected " + std::to_string(expected) +
                 " by the adapter's manifest"};
  StateDict state = StateDict::zeros(std::move(manifest));
  if (expected > 0) std::memcpy(state.values.data(), payload.data(), expected);
  return state;
}

Payload::Payload(std::shared_ptr<const Bytes> whole) : whole_(std::move(whole)) {}

Payload::Payload(std::shared_ptr<const RandomReader> file, std::uint64_t begin)
    : file_(std::move(file)), begin_(begin) {}

std::uint64_t Payload::size() const { return whole_ ? whole_->size() : file_->size() - begin_; }

Bytes Payload::read(std::uint64_t offset, std::size_t size) const {
  Bytes data(size);
  if (whole_)
    std::copy_n(whole_->begin() + static_cast<std::ptrdiff_t>(offset), size, data.begin());
  else if (const Status got = file_->read(begin_ + offset, data); !got)
    throw Failure(got.error().message);
  return data;
}

ChunkSender::ChunkSender(Payload payload, std::string digest, std::uint64_t offset)
    : payload_(std::move(payload)), digest_(std::move(digest)), sent_(offset), acknowledged_(offset) {
  WEFT_CHECK(offset <= payload_.size(), "an offset from a peer must be checked before it is used");
}

std::optional<Chunk> ChunkSender::next() {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(kChunkBytes, payload_.size() - sent_));
  if (size == 0 || sent_ + size - acknowledged_ > kWindowBytes) return std::nullopt;
  Chunk chunk{.digest = digest_, .offset = sent_, .crc32 = 0, .data = payload_.read(sent_, size)};
  chunk.crc32 = crc_of(chunk.data);
  sent_ += size;
  return chunk;
}

Status ChunkSender::on(const Ack& ack) {
  if (ack.digest != digest_) return Ok{};
  if (ack.offset < acknowledged_ || ack.offset > sent_)
    return Error{"acknowledgement " + at(ack.offset) + ", expected " + std::to_string(acknowledged_) + " to " +
                 std::to_string(sent_)};
  acknowledged_ = ack.offset;
  return Ok{};
}

bool ChunkSender::done() const { return acknowledged_ == payload_.size(); }

ChunkPlace::ChunkPlace(std::string digest, std::uint64_t bytes, std::uint64_t here)
    : digest_(std::move(digest)), bytes_(bytes), here_(here) {
  WEFT_CHECK(bytes > 0 && here <= bytes, "a payload has at least one byte, and no more of it is here than there is");
}

Result<ChunkPlace::Accepted> ChunkPlace::on(const Chunk& chunk) {
  if (chunk.digest != digest_) return Error{"chunk of payload " + chunk.digest + ", expected " + digest_};
  if (chunk.data.size() > bytes_ || chunk.offset > bytes_ - chunk.data.size())
    return Error{"chunk " + at(chunk.offset) + " of " + std::to_string(chunk.data.size()) +
                 " bytes goes beyond the end, " + std::to_string(bytes_)};
  if (chunk.offset > here_) return Error{"chunk " + at(chunk.offset) + " leaves a gap; expected " + at(here_)};
  if (crc_of(chunk.data) != chunk.crc32) return Error{"chunk " + at(chunk.offset) + " does not fit its checksum"};
  const std::uint64_t end = chunk.offset + chunk.data.size();
  Accepted accepted;
  if (end > here_) {
    accepted.fresh = ByteSpan(chunk.data).subspan(here_ - chunk.offset);
    here_ = end;
  }
  accepted.ack = {.digest = digest_, .offset = here_};
  return accepted;
}

ChunkCheck::ChunkCheck(std::string digest, std::uint64_t bytes) : place_(std::move(digest), bytes, 0) {}

Result<ChunkCheck::Accepted> ChunkCheck::on(const Chunk& chunk) {
  Result<Accepted> accepted = place_.on(chunk);
  if (!accepted || accepted->fresh.empty()) return accepted;
  hash_.update(accepted->fresh);
  if (!complete()) return accepted;
  const std::string got = hash_.hex();
  if (got == digest()) return accepted;
  place_.clear();
  hash_ = Sha256();
  return Error{"payload has digest " + got + ", expected " + digest()};
}

Result<Ack> ChunkReceiver::on(const Chunk& chunk) {
  Result<ChunkCheck::Accepted> accepted = check_.on(chunk);
  if (!accepted) {
    if (check_.offset() == 0) data_.clear();
    return accepted.error();
  }
  data_.reserve(check_.bytes());  // once: to grow in steps would hold old and new at the same time
  data_.insert(data_.end(), accepted->fresh.begin(), accepted->fresh.end());
  return std::move(accepted->ack);
}

}  // namespace weft::wire
