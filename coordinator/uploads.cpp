// Collecting updates, a bounded number at a time.
#include "coordinator/uploads.h"

#include <algorithm>

namespace weft::coordinator {

std::size_t upload_places(std::uint64_t transfer_bytes, std::uint64_t update_bytes) {
  const std::uint64_t each = std::clamp<std::uint64_t>(update_bytes, 1, wire::kWindowBytes);
  return static_cast<std::size_t>(std::max<std::uint64_t>(2, transfer_bytes / each));
}

std::vector<Outgoing> Uploads::offer(const SiteId& site, const wire::Offer& offer, TimePoint now) {
  std::vector<Outgoing> out;
  const auto there = uploads_.find(site);
  if (there != uploads_.end() && there->second.offer.digest != offer.digest) {
    forget(site);
    out = apply(turns_.release(site, now));
  }
  uploads_[site].offer = offer;
  const std::vector<Outgoing> more = apply(turns_.request(site, now));
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

// A place given: the site may send on. A place taken: it is acknowledged nothing more, so it stops at its window's end.
std::vector<Outgoing> Uploads::apply(const Turns::Changes& changes) {
  std::vector<Outgoing> out;
  for (const Turns::Change& change : changes) {
    if (!change.granted) continue;
    Upload& upload = uploads_[change.site];
    if (!upload.receiver) upload.receiver = receiver_of(change.site, upload.offer);
    upload.counted = upload.receiver->check.offset();
    out.push_back({change.site, wire::Resume{upload.offer.digest, upload.counted}});
  }
  return out;
}

std::filesystem::path Uploads::file_of(const SiteId& site, const wire::Offer& offer) const {
  return folder_ / site.name / offer.digest;
}

// What came to an earlier process is gone through as if it came now. All of an update is not taken so: its site would
// wait for the answer to its last chunk.
Uploads::Receiver Uploads::receiver_of(const SiteId& site, const wire::Offer& offer) {
  Receiver receiver{.check = {offer.digest, offer.bytes}, .values = {}, .inherited = false};
  const std::filesystem::path file = file_of(site, offer);
  const std::shared_ptr<const RandomReader> there = disk_.exists(file) ? disk_.open(file).value() : nullptr;
  if (there != nullptr && there->size() > 0 && there->size() < offer.bytes) {
    wire::ChunkSender sender({there, 0}, offer.digest, 0);
    while (const std::optional<wire::Chunk> chunk = sender.next()) {
      const wire::ChunkCheck::Accepted accepted = receiver.check.on(*chunk).value();
      receiver.values.add(accepted.fresh);
      sender.on(accepted.ack).value();
    }
    receiver.inherited = true;
    return receiver;
  }
  disk_.remove_all(folder_ / site.name).value();
  disk_.make_folder(folder_ / site.name);
  return receiver;
}

// A disk that is full is made less so before anybody is told.
void Uploads::keep(const std::filesystem::path& file, std::uint64_t offset, ByteSpan bytes) {
  if (disk_.append(file, bytes)) return;
  for (auto& [site, upload] : uploads_) {
    if (!upload.receiver || turns_.holds(site) || file_of(site, upload.offer) == file) continue;
    upload.receiver.reset();
    disk_.remove_all(folder_ / site.name).value();
  }
  const std::uint64_t there = disk_.exists(file) ? disk_.open(file).value()->size() : 0;  // some of it may have gone in
  disk_.append(file, bytes.subspan(there - offset)).value();
}

void Uploads::forget(const SiteId& site) {
  uploads_.erase(site);
  disk_.remove_all(folder_ / site.name).value();
}

Uploads::Outcome Uploads::chunk(const SiteId& site, const wire::Chunk& chunk, TimePoint now) {
  Outcome outcome;
  const auto found = uploads_.find(site);
  if (found == uploads_.end() || found->second.offer.digest != chunk.digest || !found->second.receiver) return outcome;
  Upload& upload = found->second;
  Receiver& receiver = *upload.receiver;
  Result<wire::ChunkCheck::Accepted> accepted = receiver.check.on(chunk);
  if (!accepted && receiver.inherited && receiver.check.offset() == 0) {  // what had come was not what was on the disk
    disk_.remove_all(file_of(site, upload.offer)).value();
    upload.receiver = receiver_of(site, upload.offer);
    outcome.out.push_back({site, wire::Resume{upload.offer.digest, 0}});
    return outcome;
  }
  if (!accepted) {
    outcome.problem = accepted.error().message;
    if (chunk.offset + chunk.data.size() == upload.offer.bytes) outcome.wrong = upload.offer;
  } else {
    if (const ByteSpan fresh = accepted->fresh; !fresh.empty()) {
      keep(file_of(site, upload.offer), receiver.check.offset() - fresh.size(), fresh);
      receiver.values.add(fresh);
      if (counts_as_moved(receiver.check.offset(), upload.counted)) turns_.moved(site, now);
    }
    if (turns_.holds(site)) outcome.out.push_back({site, accepted->ack});
    if (!receiver.check.complete()) return outcome;
    outcome.done = Done{upload.offer, disk_.open(file_of(site, upload.offer)).value(), receiver.values};
  }
  forget(site);
  const std::vector<Outgoing> more = apply(turns_.release(site, now));
  outcome.out.insert(outcome.out.end(), more.begin(), more.end());
  return outcome;
}

std::vector<Outgoing> Uploads::away(const SiteId& site, TimePoint now) {
  const auto found = uploads_.find(site);
  if (found != uploads_.end() && !found->second.receiver) uploads_.erase(found);  // it has sent nothing yet
  return apply(turns_.away(site, now));
}

std::vector<Outgoing> Uploads::tick(TimePoint now) { return apply(turns_.tick(now)); }

// Those that wait first, so that no place is given to one of them.
std::vector<Outgoing> Uploads::drop(const std::vector<SiteId>& sites, TimePoint now) {
  std::vector<SiteId> holders;
  std::vector<Outgoing> out;
  for (const SiteId& site : sites) {
    forget(site);
    if (turns_.holds(site)) {
      holders.push_back(site);
    } else {
      turns_.release(site, now);
    }
  }
  for (const SiteId& site : holders) {
    const std::vector<Outgoing> more = apply(turns_.release(site, now));
    out.insert(out.end(), more.begin(), more.end());
  }
  return out;
}

const wire::Offer* Uploads::offered(const SiteId& site) const {
  const auto found = uploads_.find(site);
  return found == uploads_.end() ? nullptr : &found->second.offer;
}

std::vector<std::pair<SiteId, wire::Offer>> Uploads::open() const {
  std::vector<std::pair<SiteId, wire::Offer>> open;
  for (const auto& [site, upload] : uploads_) open.emplace_back(site, upload.offer);
  return open;
}

std::uint64_t Uploads::bytes_on_disk() const {
  std::uint64_t bytes = 0;
  for (const auto& [site, upload] : uploads_) bytes += upload.receiver ? upload.receiver->check.offset() : 0;
  return bytes;
}

}  // namespace weft::coordinator
