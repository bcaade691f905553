// Sites that offer, send, fetch, acknowledge, stall and leave in any order, and a coordinator that restarts: places and
// bytes stay bounded, nobody who waits is forgotten, and an update that is done is what was offered.
#include <zlib.h>

#include <array>
#include <filesystem>

#include "common/base/digest.h"
#include "coordinator/downloads.h"
#include "coordinator/uploads.h"
#include "tests/fuzz/base_fuzz_bytes.h"
#include "tests/fuzz/base_memory_folder.h"

namespace {

using namespace weft;
using namespace weft::coordinator;

constexpr std::size_t kPlaces = 2, kSites = 5, kBytes = 12;
constexpr Milliseconds kStall{100};

struct Payload {
  Bytes bytes;
  std::string digest;
};

// Four of them, made once.
const Payload& payload(std::uint8_t which) {
  static const std::array<Payload, 4> all = [] {
    std::array<Payload, 4> made;
    for (std::size_t i = 0; i < made.size(); ++i) {
      made[i].bytes.assign(kBytes, static_cast<std::uint8_t>(i));
      made[i].digest = sha256_hex(made[i].bytes);
    }
    return made;
  }();
  return all[which % 4];
}

wire::Chunk chunk_of(FuzzBytes& input) {
  const std::uint8_t which = input.byte();
  const std::size_t offset = input.byte() % kBytes, size = 1 + input.byte() % (kBytes - offset);
  const ByteSpan part = ByteSpan(payload(which).bytes).subspan(offset, size);
  wire::Chunk chunk{.digest = payload(which).digest, .offset = offset, .data = {part.begin(), part.end()}};
  if ((which & 128U) != 0) chunk.data[0] ^= 1U;
  chunk.crc32 = static_cast<std::uint32_t>(::crc32_z(0, chunk.data.data(), chunk.data.size()));
  return chunk;
}

// Empty.
const std::filesystem::path& folder() {
  static const MemoryFolder made("weft_transfers_fuzz_");
  std::filesystem::remove_all(made.path);
  return made.path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::filesystem::path files = folder();
  std::optional<Uploads> there;
  there.emplace(kPlaces, kStall, system_disk(), files);
  Downloads downloads(kPlaces, kStall);
  const auto adapter = std::make_shared<const Bytes>(kBytes);
  TimePoint now{};
  for (FuzzBytes input(data, size); !input.empty();) {
    const std::uint8_t choice = input.byte();
    if (choice >= 252) there.emplace(kPlaces, kStall, system_disk(), files);
    Uploads& uploads = *there;
    const SiteId site{std::string(1, static_cast<char>('a' + choice / 16 % kSites))};
    switch (choice % 10) {
      case 0: {
        const Payload& offered = payload(input.byte());
        uploads.offer(site, {.round = 1, .digest = offered.digest, .bytes = kBytes}, now);
        break;
      }
      case 1:
      case 2: {
        const auto outcome = uploads.chunk(site, chunk_of(input), now);
        if (outcome.done) {
          Bytes whole(outcome.done->payload->size());
          outcome.done->payload->read(0, whole).value();
          require(sha256_hex(whole) == outcome.done->offer.digest);
          require(outcome.done->values.count() == kBytes / sizeof(float));
        }
        require(!outcome.wrong || !outcome.problem.empty());
        break;
      }
      case 3:
        uploads.away(site, now);
        break;
      case 4:
        uploads.tick(now);
        break;
      case 5:
        uploads.drop({site}, now);
        break;
      case 6:
        downloads.fetch(site, adapter, payload(input.byte()).digest, input.byte() % kBytes, now);
        break;
      case 7:
        (void)static_cast<bool>(downloads.ack(site, {payload(input.byte()).digest, input.byte()}, now));
        break;
      case 8:
        downloads.drop(site, now);
        break;
      default:
        now += Milliseconds(input.byte());
        downloads.tick(now);
    }
    require(uploads.bytes_on_disk() <= kSites * kBytes);
    require(uploads.open().size() <= kSites);
    if (uploads.wake_at() != TimePoint::max()) require(uploads.wake_at() <= now + kStall);
  }
  return 0;
}
