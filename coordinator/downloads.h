// The adapter, or a file of the base model, on its way out: sites that fetch wait for a place, then chunks go as their
// acknowledgements allow, so that what is queued towards the sites does not grow with their number. Pure, as uploads.h
// is.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/wire/transfer.h"
#include "coordinator/turns.h"
#include "coordinator/uploads.h"

namespace weft::coordinator {

// What can be in flight to one site is the smaller of a window and an adapter; as many as fit into `transfer_bytes`,
// but at least four sites.
std::size_t download_places(std::uint64_t transfer_bytes, std::uint64_t adapter_bytes);

inline constexpr std::size_t kBasePlaces = 4;  // for files of the base model, beside those for the adapter

class Downloads {
 public:
  // Uploads have no longest turn: what of them waits takes up the disk.
  Downloads(std::size_t places, Milliseconds stall_timeout) : turns_(places, stall_timeout, 2 * stall_timeout) {}
  // `offset` is at most the payload's size. Replaces what the site fetched before.
  std::vector<Outgoing> fetch(const SiteId& site, wire::Payload payload, const std::string& digest,
                              std::uint64_t offset, TimePoint now);
  // Error: an acknowledgement that makes no sense.
  Result<std::vector<Outgoing>> ack(const SiteId& site, const wire::Ack& ack, TimePoint now);
  std::vector<Outgoing> drop(const SiteId& site, TimePoint now);  // it is gone, or has something else to do
  std::vector<Outgoing> tick(TimePoint now);
  TimePoint wake_at() const { return turns_.wake_at(); }

 private:
  // A site that lost its place is sent nothing more for now; what it acknowledges still counts.
  std::vector<Outgoing> pump(const Turns::Changes& changes);
  void pump(const SiteId& site, std::vector<Outgoing>& out);
  struct Download {
    wire::ChunkSender sender;
    std::string digest;
    bool restarted = false;     // acknowledgements of its first attempt may still come
    std::uint64_t counted = 0;  // the offset up to which it has moved
  };
  std::map<SiteId, Download> downloads_;
  Turns turns_;
};

}  // namespace weft::coordinator
