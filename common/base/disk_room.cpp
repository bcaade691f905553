#include "common/base/disk_room.h"

#include "common/base/log.h"

namespace weft {

RoomFound room_for(const DiskNeed& need, Disk& disk) {
  const std::optional<std::uint64_t> free = disk.free_bytes(need.folder);
  if (!free) return {Room::unknown, "how much is free in " + need.folder.string() + " is not known"};
  const std::string found = human_bytes(*free) + " free on the disk of " + need.folder.string() + ", " +
                            human_bytes(need.bytes) + " needed (" + need.what + ")";
  if (*free < need.bytes) return {Room::none, found + "; make room there, or choose a folder on another disk"};
  if (*free < 2 * need.bytes) return {Room::tight, found + ": tight"};
  return {Room::enough, found};
}

void require_room(const DiskNeed& need, Disk& disk) {
  const RoomFound found = room_for(need, disk);
  if (found.room == Room::none) throw Failure(found.text);
  if (found.room == Room::tight) log::warn(found.text);
}

}  // namespace weft
