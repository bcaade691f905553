// Whether a disk has room for what a run is about to write there: asked before the work, not after it.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "common/base/disk.h"

namespace weft {

struct DiskNeed {
  std::filesystem::path folder;
  std::uint64_t bytes = 0;  // that will surely be written; less free is too little, less than twice as much is tight
  std::string what;         // "two versions of the adapter and the result"
};

enum class Room { unknown, none, tight, enough };
struct RoomFound {
  Room room = Room::unknown;
  std::string text;  // one sentence with both figures and what to do
};
RoomFound room_for(const DiskNeed& need, Disk& disk);
// Throws Failure when there is none; warns in the log when it is tight.
void require_room(const DiskNeed& need, Disk& disk);

}  // namespace weft
