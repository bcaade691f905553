#include "worker/base_folder.h"

#include <algorithm>

#include "common/base/digest.h"
#include "common/base/disk_room.h"

namespace weft::worker {
namespace {

// Without the slash at its end, and never a name alone: the folder that it is in is synced.
std::filesystem::path plain(const std::filesystem::path& folder) {
  const std::filesystem::path whole = std::filesystem::absolute(folder).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();
}

}  // namespace

BaseFolder::BaseFolder(const std::filesystem::path& model, const SiteId& site, Disk& disk)
    : model_(plain(model)), part_(model_.string() + ".part-" + site.name), disk_(&disk) {}

bool BaseFolder::model_is_there() const {
  return disk_->exists(model_) && (!disk_->is_folder(model_) || !disk_->list(model_).empty());
}

void BaseFolder::remove(const std::filesystem::path& path) {
  if (const Status removed = disk_->remove_all(path); !removed) throw Failure(removed.error().message);
}

bool BaseFolder::there() {
  if (!model_is_there()) return false;
  if (disk_->exists(part_)) remove(part_);
  return true;
}

std::map<std::string, std::uint64_t> BaseFolder::open(const BaseList& list, std::string& room) {
  disk_->make_folder(part_);
  std::map<std::string, std::uint64_t> held;
  std::uint64_t needed = total_bytes(list);
  for (const std::filesystem::path& path : disk_->list(part_)) {
    const std::string name = path.filename().string();
    const auto file = std::find_if(list.begin(), list.end(), [&](const BaseFile& each) { return each.name == name; });
    const auto opened = disk_->open(path);
    if (file == list.end() || !opened || opened.value()->size() > file->bytes) {
      remove(path);
      continue;
    }
    held[name] = opened.value()->size();
    needed -= held[name];
  }
  const RoomFound found = room_for({part_, needed, "what is not here yet of the base model"}, *disk_);
  if (found.room == Room::none) throw Failure(found.text);
  if (found.room == Room::tight) room = found.text;
  return held;
}

Status BaseFolder::append(const std::string& name, ByteSpan bytes) {
  WEFT_CHECK(valid_base_name(name), "a name comes from a peer and must be checked before it names a file");
  return disk_->append(part_ / name, bytes);
}

std::vector<std::string> BaseFolder::check(const BaseList& list, const fl::ProgressFn& progress,
                                           const std::stop_token& stop) {
  constexpr std::uint64_t kBlock = 1 << 20;
  std::vector<std::string> wrong;
  Bytes block;
  fl::TrainProgress seen{.total = total_bytes(list)};
  for (const BaseFile& file : list) {
    const auto opened = disk_->open(part_ / file.name);
    const std::uint64_t size = opened ? opened.value()->size() : 0;
    Sha256 hash;
    for (std::uint64_t at = 0; at < size; at += block.size()) {
      if (stop.stop_requested()) throw fl::Cancelled{};
      block.resize(std::min(kBlock, size - at));
      if (const Status got = opened.value()->read(at, block); !got) throw Failure(got.error().message);
      hash.update(block);
      seen.done += block.size();
      if (progress) progress(seen);
    }
    if (hash.hex() == file.digest) continue;
    remove(part_ / file.name);
    wrong.push_back(file.name);
  }
  return wrong;
}

// Another worker may have brought the same model in the meantime: then that one is used.
void BaseFolder::publish() {
  if (there()) return;
  if (const Status done = disk_->publish(part_, model_); !done) {
    if (there()) return;
    throw Failure("the base model is verified, but cannot be put into its place: " + done.error().message);
  }
  if (disk_->exists(part_)) remove(part_);  // where an empty folder stood
}

}  // namespace weft::worker
