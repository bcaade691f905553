// Updates on their way in: offers wait for a place, then their chunks are collected in a file; none of it stays in
// memory, and what admission asks of the values is known when the last chunk is in. What has come stays until the
// update is settled, also when the site loses its place or goes away, or this process ends: the site goes on from
// there. Only where the disk is full, those who have no place lose what they had sent. But for these files it is pure:
// messages to send are returned, and the caller passes the time. All that may touch them throws Failure when the disk
// fails.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/ids.h"
#include "common/fl/norm_sum.h"
#include "common/wire/messages.h"
#include "common/wire/transfer.h"
#include "coordinator/turns.h"

namespace weft::coordinator {

struct Outgoing {
  SiteId site;
  wire::Message message;
};

// At least two places, else as many as fit into `transfer_bytes`: what is on its way from a site, and so in memory, is
// at most an update and at most a window.
std::size_t upload_places(std::uint64_t transfer_bytes, std::uint64_t update_bytes);

class Uploads {
 public:
  struct Done {  // all of an update is here, and it is what was offered
    wire::Offer offer;
    std::shared_ptr<const RandomReader> payload;  // of a file that is gone when nobody reads it any more
    fl::NormSum values;
  };
  struct Outcome {
    std::vector<Outgoing> out;
    std::optional<Done> done;
    std::string problem;               // what the site did wrong; what it sent was dropped
    std::optional<wire::Offer> wrong;  // all came, but it is not what was offered
  };

  // Makes the folder. Files are FOLDER/SITE.DIGEST, one for each site that has had a place.
  Uploads(std::size_t places, Milliseconds stall_timeout, Disk& disk, std::filesystem::path folder);
  // The caller has accepted the offer. It replaces another one of the site; the same one goes on where it was.
  std::vector<Outgoing> offer(const SiteId& site, const wire::Offer& offer, TimePoint now);
  // A chunk of a payload that is not awaited (settled meanwhile) is ignored.
  Outcome chunk(const SiteId& site, const wire::Chunk& chunk, TimePoint now);
  std::vector<Outgoing> away(const SiteId& site, TimePoint now);  // its session ended
  std::vector<Outgoing> tick(TimePoint now);
  TimePoint wake_at() const { return turns_.wake_at(); }
  std::vector<Outgoing> drop(const std::vector<SiteId>& sites, TimePoint now);  // their updates are not wanted any more
  void drop_unclaimed();  // what came to an earlier process, of sites that have not offered it to this one
  const wire::Offer* offered(const SiteId& site) const;      // whose update is not all here; nullptr: none
  std::vector<std::pair<SiteId, wire::Offer>> open() const;  // offers whose update is not all here
  std::uint64_t bytes_on_disk() const;

 private:
  struct Receiver {
    wire::ChunkCheck check;
    fl::NormSum values;
    bool inherited;  // some of it came to an earlier process, and it is not known what of that reached the disk
  };
  struct Upload {
    wire::Offer offer;
    std::optional<Receiver> receiver;  // once it has had a place
    std::uint64_t counted = 0;         // the offset up to which it has moved
  };
  std::vector<Outgoing> apply(const Turns::Changes& changes);
  std::filesystem::path file_of(const SiteId& site, const std::string& digest) const;
  Receiver receiver_of(const SiteId& site, const wire::Offer& offer);
  void keep(const SiteId& site, const Receiver& receiver, ByteSpan bytes);
  void forget(const SiteId& site);
  void remove_file(const SiteId& site);
  Disk& disk_;
  std::filesystem::path folder_;
  std::map<SiteId, Upload> uploads_;
  std::map<SiteId, std::string> kept_;  // of which payload a site's file is
  Turns turns_;
};

}  // namespace weft::coordinator
