// Too little, tight and enough, and what is asked of a folder that is not there yet.
#include "common/base/disk_room.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace weft {
namespace {

TEST(DiskRoomTest, JudgesByWhatIsFreeWhereTheFolderWillBe) {
  Disk& disk = system_disk();
  const auto here = std::filesystem::temp_directory_path();
  const auto missing = here / ("weft_no_such_" + std::to_string(::getpid())) / "run";
  const std::uint64_t free = disk.free_bytes(missing).value();
  ASSERT_GT(free, 0U);
  const auto room = [&](std::uint64_t bytes) { return room_for({missing, bytes, "a test"}, disk).room; };
  // Others write meanwhile, so not to the byte.
  EXPECT_EQ(room(free / 4), Room::enough);
  EXPECT_EQ(room(free - free / 4), Room::tight);
  EXPECT_EQ(room(free * 2), Room::none);
}

TEST(DiskRoomTest, RefusesWithBothFiguresAndWhatToDo) {
  const DiskNeed need{std::filesystem::temp_directory_path(), std::uint64_t{1} << 60, "two versions of the adapter"};
  try {
    require_room(need, system_disk());
    FAIL() << "an exbibyte was free";
  } catch (const Failure& failure) {
    const std::string text = failure.what();
    for (const char* part : {"free on the disk of", "needed (two versions of the adapter)", "make room"})
      EXPECT_NE(text.find(part), std::string::npos) << text;
  }
  require_room({need.folder, 1, "a byte"}, system_disk());
}

}  // namespace
}  // namespace weft
