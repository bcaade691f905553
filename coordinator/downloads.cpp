// Sending the adapter to a bounded number of sites at a time.
#include "coordinator/downloads.h"

#include <algorithm>

namespace weft::coordinator {

std::size_t download_places(std::uint64_t transfer_bytes, std::uint64_t adapter_bytes) {
  constexpr std::uint64_t kLeast = 4;
  const std::uint64_t each = std::clamp<std::uint64_t>(adapter_bytes, 1, wire::kWindowBytes);
  return static_cast<std::size_t>(std::max(kLeast, transfer_bytes / each));
}

std::vector<Outgoing> Downloads::fetch(const SiteId& site, wire::Payload payload, const std::string& digest,
                                       std::uint64_t offset, TimePoint now) {
  const auto there = downloads_.find(site);
  const bool restarted = there != downloads_.end() && there->second.digest == digest;
  downloads_.insert_or_assign(
      site, Download{wire::ChunkSender(std::move(payload), digest, offset), digest, restarted, offset});
  return pump(turns_.request(site, now));
}

Result<std::vector<Outgoing>> Downloads::ack(const SiteId& site, const wire::Ack& ack, TimePoint now) {
  std::vector<Outgoing> out;
  const auto found = downloads_.find(site);
  if (found == downloads_.end()) return out;
  wire::ChunkSender& sender = found->second.sender;
  if (const Status fine = sender.on(ack); !fine) {
    if (found->second.restarted) return out;
    return fine.error();
  }
  if (counts_as_moved(ack.offset, found->second.counted)) turns_.moved(site, now);
  if (sender.done()) return drop(site, now);
  pump(site, out);
  return out;
}

std::vector<Outgoing> Downloads::drop(const SiteId& site, TimePoint now) {
  downloads_.erase(site);
  return pump(turns_.release(site, now));
}

std::vector<Outgoing> Downloads::tick(TimePoint now) { return pump(turns_.tick(now)); }

std::vector<Outgoing> Downloads::pump(const Turns::Changes& changes) {
  std::vector<Outgoing> out;
  for (const Turns::Change& change : changes) pump(change.site, out);
  return out;
}

void Downloads::pump(const SiteId& site, std::vector<Outgoing>& out) {
  const auto found = downloads_.find(site);
  if (found == downloads_.end() || !turns_.holds(site)) return;
  while (std::optional<wire::Chunk> chunk = found->second.sender.next()) out.push_back({site, std::move(*chunk)});
}

}  // namespace weft::coordinator
