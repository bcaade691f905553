// Collecting updates, a bounded number at a time.
#include "coordinator/uploads.h"

#include <algorithm>

namespace weft::coordinator {

std::size_t upload_places(std::uint64_t transfer_bytes, std::uint64_t update_bytes) {
  const std::uint64_t each = std::clamp<std::uint64_t>(update_bytes, 1, wire::kWindowBytes);
  return static_cast<std::size_t>(std::max<std::uint64_t>(2, transfer_bytes / each));
}

Uploads::Uploads(std::size_t places, Milliseconds stall_timeout, Disk& disk, std::filesystem::path folder)
    : disk_(disk), folder_(std::move(folder)), turns_(places, stall_timeout) {
  disk_.make_folder(folder_);
  for (const std::filesystem::path& file : disk_.list(folder_)) {
    const std::string name = file.filename(), digest = name.substr(name.rfind('.') + 1);
    const SiteId site{name.substr(0, name.size() - std::min(name.size(), digest.size() + 1))};
    if (!kept_.emplace(site, digest).second) disk_.remove_all(file).value();  // a second one of this site
  }
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

std::filesystem::path Uploads::file_of(const SiteId& site, const std::string& digest) const {
  return folder_ / (site.name + "." + digest);
}

// What came to an earlier process is gone through as if it came now. All of an update is not taken so: its site would
// wait for the answer to its last chunk.
Uploads::Receiver Uploads::receiver_of(const SiteId& site, const wire::Offer& offer) {
  Receiver receiver{.check = {offer.digest, offer.bytes}, .values = {}, .inherited = false};
  const std::filesystem::path file = file_of(site, offer.digest);
  const std::shared_ptr<const RandomReader> there = disk_.exists(file) ? disk_.open(file).value() : nullptr;
  if (there != nullptr && there->size() > 0 && there->size() < offer.bytes) {
    wire::ChunkSender sender({there, 0}, offer.digest, 0);
    while (const std::optional<wire::Chunk> chunk = sender.next()) {
      const wire::ChunkCheck::Accepted accepted = receiver.check.on(*chunk).value();
      receiver.values.add(accepted.fresh);
      sender.on(accepted.ack).value();
    }
    receiver.inherited = true;
  } else {
    remove_file(site);
  }
  kept_[site] = offer.digest;
  return receiver;
}

// A disk that is full is made less so before anybody is told.
void Uploads::keep(const SiteId& site, const Receiver& receiver, ByteSpan bytes) {
  const std::filesystem::path file = file_of(site, receiver.check.digest());
  if (disk_.append(file, bytes)) return;
  for (const auto& [other, digest] : std::map(kept_)) {
    if (turns_.holds(other) || other == site) continue;
    if (const auto upload = uploads_.find(other); upload != uploads_.end()) upload->second.receiver.reset();
    remove_file(other);
  }
  const std::uint64_t there = disk_.exists(file) ? disk_.open(file).value()->size() : 0;  // some of it may have gone in
  disk_.append(file, bytes.subspan(there - (receiver.check.offset() - bytes.size()))).value();
}

void Uploads::forget(const SiteId& site) {
  uploads_.erase(site);
  remove_file(site);
}

void Uploads::remove_file(const SiteId& site) {
  const auto kept = kept_.find(site);
  if (kept == kept_.end()) return;
  disk_.remove_all(file_of(site, kept->second)).value();
  kept_.erase(kept);
}

void Uploads::drop_unclaimed() {
  for (const auto& [site, digest] : std::map(kept_))
    if (!uploads_.contains(site)) remove_file(site);
}

Uploads::Outcome Uploads::chunk(const SiteId& site, const wire::Chunk& chunk, TimePoint now) {
  Outcome outcome;
  const auto found = uploads_.find(site);
  if (found == uploads_.end() || found->second.offer.digest != chunk.digest || !found->second.receiver) return outcome;
  Upload& upload = found->second;
  Receiver& receiver = *upload.receiver;
  Result<wire::ChunkCheck::Accepted> accepted = receiver.check.on(chunk);
  if (!accepted && receiver.inherited && receiver.check.offset() == 0) {  // what had come was not what was on the disk
    upload.receiver.reset();
    remove_file(site);
    if (turns_.holds(site)) outcome.out = apply({{.site = site, .granted = true}});
    return outcome;
  }
  if (!accepted) {
    outcome.problem = accepted.error().message;
    if (chunk.offset + chunk.data.size() == upload.offer.bytes) outcome.wrong = upload.offer;
  } else {
    if (const ByteSpan fresh = accepted->fresh; !fresh.empty()) {
      keep(site, receiver, fresh);
      receiver.values.add(fresh);
      if (counts_as_moved(receiver.check.offset(), upload.counted)) turns_.moved(site, now);
    }
    if (turns_.holds(site)) outcome.out.push_back({site, accepted->ack});
    if (!receiver.check.complete()) return outcome;
    outcome.done = Done{upload.offer, disk_.open(file_of(site, upload.offer.digest)).value(), receiver.values};
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
