// Collecting updates, a bounded number at a time.
#include "coordinator/uploads.h"

#include <algorithm>

namespace weft::coordinator {

std::size_t upload_places(std::uint64_t transfer_bytes, std::uint64_t update_bytes) {
  return static_cast<std::size_t>(
      std::max<std::uint64_t>(2, transfer_bytes / std::max<std::uint64_t>(1, update_bytes)));
}

std::vector<Outgoing> Uploads::offer(const SiteId& site, const wire::Offer& offer, TimePoint now) {
  std::vector<Outgoing> out;
  const auto there = uploads_.find(site);
  if (there != uploads_.end() && there->second.offer.digest != offer.digest) {
    uploads_.erase(there);
    out = apply(turns_.release(site, now));
  }
  uploads_[site].offer = offer;
  const std::vector<Outgoing> more = apply(turns_.request(site, now));
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

// A place given: the site may send. A place taken: what it sent is dropped.
std::vector<Outgoing> Uploads::apply(const Turns::Changes& changes) {
  std::vector<Outgoing> out;
  for (const Turns::Change& change : changes) {
    Upload& upload = uploads_[change.site];
    if (!change.granted) {
      upload.rewound = upload.receiver.has_value();
      upload.receiver.reset();
      continue;
    }
    if (!upload.receiver) upload.receiver.emplace(upload.offer.digest, upload.offer.bytes);
    out.push_back({change.site, wire::Resume{upload.offer.digest, upload.receiver->offset()}});
  }
  return out;
}

Uploads::Outcome Uploads::chunk(const SiteId& site, const wire::Chunk& chunk, TimePoint now) {
  Outcome outcome;
  const auto found = uploads_.find(site);
  if (found == uploads_.end() || found->second.offer.digest != chunk.digest || !found->second.receiver) return outcome;
  Upload& upload = found->second;
  if (upload.rewound && chunk.offset != upload.receiver->offset()) return outcome;
  upload.rewound = false;
  const std::uint64_t before = upload.receiver->offset();
  const Result<wire::Ack> ack = upload.receiver->on(chunk);
  if (!ack) {
    outcome.problem = ack.error().message;
    if (chunk.offset + chunk.data.size() == upload.offer.bytes) outcome.wrong = upload.offer;
  } else {
    if (upload.receiver->offset() > before) turns_.moved(site, now);
    outcome.out.push_back({site, ack.value()});
    if (!upload.receiver->complete()) return outcome;
    outcome.done = Done{upload.offer, upload.receiver->take()};
  }
  uploads_.erase(found);
  const std::vector<Outgoing> more = apply(turns_.release(site, now));
  outcome.out.insert(outcome.out.end(), more.begin(), more.end());
  return outcome;
}

std::vector<Outgoing> Uploads::away(const SiteId& site, TimePoint now) {
  std::vector<Outgoing> out = apply(turns_.away(site, now));
  if (!turns_.holds(site))
    uploads_.erase(site);
  else
    uploads_[site].rewound = false;  // a new session carries nothing old
  return out;
}

std::vector<Outgoing> Uploads::tick(TimePoint now) { return apply(turns_.tick(now)); }

void Uploads::clear() {
  uploads_.clear();
  turns_.clear();
}

std::vector<std::pair<SiteId, wire::Offer>> Uploads::open() const {
  std::vector<std::pair<SiteId, wire::Offer>> open;
  for (const auto& [site, upload] : uploads_) open.emplace_back(site, upload.offer);
  return open;
}

std::uint64_t Uploads::bytes_held() const {
  std::uint64_t bytes = 0;
  for (const auto& [site, upload] : uploads_) bytes += upload.receiver ? upload.receiver->offset() : 0;
  return bytes;
}

}  // namespace weft::coordinator
