// Finished updates on their way to the coordinator. Pure: it holds no file and no socket. Several may be offered at a
// time; each is kept until its fate is settled, and offered again in every new session.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/wire/messages.h"
#include "common/wire/transfer.h"
#include "worker/spool.h"

namespace weft::worker {

class Outbox {
 public:
  void add(FinishedUpdate update);  // replaces one of the same round
  // The update of that round from that adapter is here.
  bool holds(std::uint32_t round, const std::string& adapter_digest) const;
  // Drops what is of that round but from another adapter; true when there was such a one.
  bool drop_other(std::uint32_t round, const std::string& adapter_digest);
  std::vector<std::uint32_t> rounds() const;  // ascending

  void link_lost();  // nothing is offered any more
  // Offers of all that are not offered yet. Without the newest: whether that one is wanted is not known before the
  // coordinator has said which round is open, and it would settle an early one as late.
  std::vector<wire::Message> offer_all();
  std::vector<wire::Message> offer_all_but_newest();

  // Chunks to send. Nothing for an update that is not here (any more); Error when the coordinator asks the impossible.
  Result<std::vector<wire::Message>> on(const wire::Resume& resume);
  Result<std::vector<wire::Message>> on(const wire::Ack& ack);
  // Nullptr when no update has that digest; else valid until the next call.
  const FinishedUpdate* find(const std::string& digest) const;
  // Nullptr when that update is not here (any more); else valid until the next call.
  const FinishedUpdate* find(std::uint32_t round, const std::string& digest) const;
  void drop(std::uint32_t round);

 private:
  struct Parcel {
    FinishedUpdate update;
    bool offered = false;
    std::optional<wire::ChunkSender> sender;
  };
  Parcel* parcel(const std::string& digest);
  static std::vector<wire::Message> pump(wire::ChunkSender& sender);
  std::map<std::uint32_t, Parcel> parcels_;  // by round
};

}  // namespace weft::worker
