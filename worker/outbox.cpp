// Offering and sending finished updates.
#include "worker/outbox.h"

namespace weft::worker {
namespace {

wire::Offer offer_of(const FinishedUpdate& update) {
  return {.round = update.round,
          .version = update.version,
          .digest = update.digest,
          .bytes = update.payload->size(),
          .examples = update.examples,
          .values = update.values};
}

}  // namespace

void Outbox::add(FinishedUpdate update) {
  const std::uint32_t round = update.round;
  parcels_.insert_or_assign(round, Parcel{.update = std::move(update)});
}

bool Outbox::holds(std::uint32_t round, const std::string& adapter_digest) const {
  const auto found = parcels_.find(round);
  return found != parcels_.end() && found->second.update.adapter_digest == adapter_digest;
}

bool Outbox::drop_other(std::uint32_t round, const std::string& adapter_digest) {
  return !holds(round, adapter_digest) && parcels_.erase(round) > 0;
}

std::vector<std::uint32_t> Outbox::rounds() const {
  std::vector<std::uint32_t> rounds;
  for (const auto& [round, parcel] : parcels_) rounds.push_back(round);
  return rounds;
}

void Outbox::link_lost() {
  for (auto& [round, parcel] : parcels_) {
    parcel.offered = false;
    parcel.sender.reset();
  }
}

std::vector<wire::Message> Outbox::offer_all() {
  std::vector<wire::Message> offers;
  for (auto& [round, parcel] : parcels_) {
    if (!parcel.offered) offers.emplace_back(offer_of(parcel.update));
    parcel.offered = true;
  }
  return offers;
}

std::vector<wire::Message> Outbox::offer_all_but_newest() {
  if (parcels_.empty()) return {};
  const bool newest = std::exchange(parcels_.rbegin()->second.offered, true);
  std::vector<wire::Message> offers = offer_all();
  parcels_.rbegin()->second.offered = newest;
  return offers;
}

Outbox::Parcel* Outbox::parcel(const std::string& digest) {
  for (auto& [round, parcel] : parcels_)
    if (parcel.offered && parcel.update.digest == digest) return &parcel;
  return nullptr;
}

std::vector<wire::Message> Outbox::pump(wire::ChunkSender& sender) {
  std::vector<wire::Message> chunks;
  while (std::optional<wire::Chunk> chunk = sender.next()) chunks.emplace_back(std::move(*chunk));
  return chunks;
}

Result<std::vector<wire::Message>> Outbox::on(const wire::Resume& resume) {
  Parcel* found = parcel(resume.digest);
  if (found == nullptr) return std::vector<wire::Message>{};
  const FinishedUpdate& update = found->update;
  if (resume.offset > update.payload->size())
    return Error{"Resume from byte " + std::to_string(resume.offset) + " of an update of " +
                 std::to_string(update.payload->size())};
  found->sender.emplace(update.payload, update.digest, resume.offset);
  return pump(*found->sender);
}

Result<std::vector<wire::Message>> Outbox::on(const wire::Ack& ack) {
  Parcel* found = parcel(ack.digest);
  if (found == nullptr || !found->sender) return std::vector<wire::Message>{};
  if (const Status fine = found->sender->on(ack); !fine) return fine.error();
  return pump(*found->sender);
}

const FinishedUpdate* Outbox::find(const std::string& digest) const {
  for (const auto& [round, parcel] : parcels_)
    if (parcel.update.digest == digest) return &parcel.update;
  return nullptr;
}

const FinishedUpdate* Outbox::find(std::uint32_t round, const std::string& digest) const {
  const auto found = parcels_.find(round);
  return found == parcels_.end() || found->second.update.digest != digest ? nullptr : &found->second.update;
}

void Outbox::drop(std::uint32_t round) { parcels_.erase(round); }

}  // namespace weft::worker
