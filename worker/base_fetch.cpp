#include "worker/base_fetch.h"

#include <algorithm>
#include <numeric>

#include "common/wire/transfer.h"

namespace weft::worker {

Status BaseFetch::on(const wire::BaseFiles& files) {
  const std::string digest = weft::base_digest(files.files);
  if (digest != base_digest_)
    return Error{"the coordinator's list of the base model's files has digest " + digest + ", expected " +
                 base_digest_ + " as it said before"};
  list_ = files.files;
  held_.assign(list_.size(), 0);
  return Ok{};
}

void BaseFetch::opened(const std::map<std::string, std::uint64_t>& held) {
  for (std::size_t i = 0; i < list_.size(); ++i) {
    const auto found = held.find(list_[i].name);
    held_[i] = found == held.end() ? 0 : std::min(found->second, list_[i].bytes);
  }
  opened_ = true;
  told_ = 10 * (10 * done() / total());
}

std::size_t BaseFetch::next() const {
  std::size_t i = 0;
  while (i < list_.size() && held_[i] == list_[i].bytes) ++i;
  return i;
}

std::optional<wire::Message> BaseFetch::ask() const {
  if (wants_list()) return wire::FetchBase{};
  if (!opened_ || whole()) return std::nullopt;
  return wire::FetchFile{.digest = list_[next()].digest, .offset = held_[next()]};
}

Result<std::optional<BaseFetch::Piece>> BaseFetch::on(const wire::Chunk& chunk) {
  if (!opened_ || whole() || chunk.digest != list_[next()].digest) return std::optional<Piece>();
  const std::size_t at = next();
  wire::ChunkPlace place(chunk.digest, list_[at].bytes, held_[at]);
  Result<wire::ChunkPlace::Accepted> accepted = place.on(chunk);
  if (!accepted) return accepted.error();
  held_[at] = place.offset();
  return std::optional<Piece>({.name = list_[at].name,
                               .bytes = accepted->fresh,
                               .ack = std::move(accepted->ack),
                               .completes = place.complete()});
}

Status BaseFetch::wrong(const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < list_.size(); ++i) {
    const std::string& name = list_[i].name;
    if (std::find(names.begin(), names.end(), name) == names.end()) continue;
    held_[i] = 0;
    if (++wrong_[name] > kMostTimes)
      return Error{"the base model's file " + name + " came " + std::to_string(wrong_[name]) +
                   " times with another content than its digest says; the coordinator's copy has changed, or this "
                   "site's disk or memory is at fault. Look at both, and start the worker again"};
  }
  told_ = 10 * (10 * done() / total());
  return Ok{};
}

std::uint64_t BaseFetch::done() const { return std::accumulate(held_.begin(), held_.end(), std::uint64_t{0}); }

std::optional<std::uint64_t> BaseFetch::news() {
  const std::uint64_t share = 10 * (10 * done() / total());
  if (share <= told_) return std::nullopt;
  told_ = share;
  return share;
}

}  // namespace weft::worker
