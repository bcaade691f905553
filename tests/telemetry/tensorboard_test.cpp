// Event files, byte for byte: records made by hand from the TFRecord page and event.proto.
#include "common/telemetry/tensorboard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/file.h"
#include "common/base/result.h"
#include "tests/telemetry/tensorboard_support.h"

namespace weft::telemetry {
namespace {

using testing::ElementsAre;

std::string read_all(const std::filesystem::path& path) { return read_text(path).value(); }

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

// RFC 3720, appendix B.4, and the check value of the CRC catalogue.
TEST(Crc32cTest, Vectors) {
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283U);
  EXPECT_EQ(crc32c(Bytes(32, 0x00)), 0x8a9136aaU);
  EXPECT_EQ(crc32c(Bytes(32, 0xff)), 0x62a8ab43U);
  Bytes rising(32);
  for (std::size_t i = 0; i < 32; ++i) rising[i] = static_cast<std::uint8_t>(i);
  EXPECT_EQ(crc32c(rising), 0x46dd794eU);
  EXPECT_EQ(crc32c({}), 0U);
  EXPECT_EQ(masked_crc32c(as_bytes("123456789")), 0xc78ab0e5U);
}

// length, masked CRC of it | 09 wall time, 1a file version | masked CRC
TEST(TensorBoardTest, GoldenRecords) {
  EXPECT_EQ(to_hex(file_version_record(1.5)),
            "1800000000000000"
            "a37f4b22"
            "09000000000000f83f"
            "1a0d627261696e2e4576656e743a32"
            "2a28646c");
  // 10 step 300, 2a summary { 0a value { 0a tag, 15 float } }
  EXPECT_EQ(to_hex(scalar_record(1.5, 300, "train/loss", 0.5F)),
            "2100000000000000"
            "017becf6"
            "09000000000000f83f"
            "10ac02"
            "2a13"
            "0a11"
            "0a0a747261696e2f6c6f7373"
            "150000003f"
            "b56a6431");
}

TEST(TensorBoardTest, AFileIsItsRecordsInOrder) {
  const EventFolder folder;
  ManualClock clock;
  clock.advance(Milliseconds(1500));
  {
    TensorBoard board(folder.path() / "new" / "tb", clock);
    write_sample_run(board);
  }
  Bytes expected = file_version_record(1.5);
  const auto add = [&](std::int64_t step, const std::string& tag, float value) {
    const Bytes record = scalar_record(1.5, step, tag, value);
    expected.insert(expected.end(), record.begin(), record.end());
  };
  const auto add_round = [&](std::int64_t step, float loss, float up, float down, float seconds) {
    add(step, "train/loss", loss);
    add(step, "bytes/up", up);
    add(step, "bytes/down", down);
    add(step, "seconds/round", seconds);
  };
  add_round(1, 0.75F, 1000, 2000, 2.5F);
  add(1, "validation/loss/a", 0.625F);
  add(1, "validation/loss/all sites", 0.25F);
  add_round(2, 0.25F, 3000, 4000, 1.5F);
  EXPECT_EQ(read_all(folder.path() / "new/tb/events.out.tfevents.1.weft"), as_text(expected));
}

TEST(TensorBoardTest, AResumedRunDoesNotOverwrite) {
  const EventFolder folder;
  const ManualClock clock;
  for (int i = 0; i < 3; ++i) TensorBoard(folder.path(), clock);
  EXPECT_THAT(names_in(folder.path()), ElementsAre("events.out.tfevents.0.weft", "events.out.tfevents.0.weft.1",
                                                   "events.out.tfevents.0.weft.2"));
}

TEST(TensorBoardTest, SaysWhenItCannotWrite) {
  const EventFolder folder;
  const ManualClock clock;
  // A dangling name is not there yet for exists(), so the file is opened through it.
  std::filesystem::create_symlink("/no/such/folder/x", folder.path() / "events.out.tfevents.0.weft");
  EXPECT_THROW(TensorBoard(folder.path(), clock), Failure);
}

}  // namespace
}  // namespace weft::telemetry
