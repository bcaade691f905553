// Foreign chunks and acknowledgements, in any order and at any offset: what is held is a beginning of what was sent, an
// update is complete only with its own digest, and what is in flight stays within the window.
#include <zlib.h>

#include "common/wire/transfer.h"
#include "tests/fuzz/base_fuzz_bytes.h"

namespace {

using namespace weft;
using namespace weft::wire;

const Bytes& payload() {
  static const Bytes bytes = [] {
    Bytes made(48);
    for (std::size_t i = 0; i < made.size(); ++i) made[i] = static_cast<std::uint8_t>(7 * i);
    return made;
  }();
  return bytes;
}

// Parts of the true payload or other bytes, at any offset, with a checksum that fits or not.
void receive(FuzzBytes& input) {
  static const std::string digest = sha256_hex(payload());
  ChunkReceiver receiver(digest, payload().size());
  while (!input.empty() && !receiver.complete()) {
    const std::uint8_t choice = input.byte();
    Chunk chunk{.digest = digest, .offset = input.byte()};
    if ((choice & 1U) != 0 && chunk.offset < payload().size()) {
      const ByteSpan part = ByteSpan(payload()).subspan(chunk.offset);
      chunk.data.assign(part.begin(), part.begin() + static_cast<std::ptrdiff_t>(
                                                         std::min<std::size_t>(part.size(), 1U + input.byte() % 48U)));
    } else {
      const ByteSpan part = input.take(1U + choice / 8U);
      chunk.data.assign(part.begin(), part.end());
    }
    if ((choice & 2U) != 0) chunk.digest[0] = 'x';
    if ((choice & 4U) != 0) chunk.offset = ~std::uint64_t{0} - chunk.offset;
    chunk.crc32 = static_cast<std::uint32_t>(::crc32_z(0, chunk.data.data(), chunk.data.size()));
    if (choice >= 0xf8) ++chunk.crc32;
    const auto ack = receiver.on(chunk);
    require(!ack || ack.value().offset == receiver.offset());
    require(ack || !ack.error().message.empty());
    require(receiver.offset() <= payload().size());
  }
  if (receiver.complete()) require(receiver.take() == payload());
}

void send(FuzzBytes& input) {
  static const auto large = std::make_shared<const Bytes>(kWindowBytes + 3 * kChunkBytes / 2);
  const std::uint64_t start = std::uint64_t{input.byte()} * large->size() / 255;
  ChunkSender sender(large, "d", start);
  std::uint64_t sent = start, acknowledged = start;
  while (!input.empty()) {
    const std::uint8_t choice = input.byte();
    if ((choice & 1U) != 0) {
      const auto chunk = sender.next();
      if (!chunk) continue;
      require(chunk->offset == sent);
      sent += chunk->data.size();
      require(sent - acknowledged <= kWindowBytes && sent <= large->size());
    } else {
      const std::uint64_t offset = std::uint64_t{input.word()} << 8U;
      const bool fine = static_cast<bool>(sender.on(Ack{.digest = (choice & 2U) != 0 ? "d" : "e", .offset = offset}));
      const bool ours = (choice & 2U) != 0;
      require(fine == (!ours || (offset >= acknowledged && offset <= sent)));
      if (fine && ours) acknowledged = offset;
    }
    require(sender.done() == (acknowledged == large->size()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzBytes input(data, size);
  (input.byte() & 1U) != 0 ? send(input) : receive(input);
  return 0;
}
