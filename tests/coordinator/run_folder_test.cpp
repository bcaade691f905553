#include "coordinator/run_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/coordinator/coordinator_support.h"

namespace weft::coordinator {
namespace {

using testing::HasSubstr;

TEST(RunFolderTest, ReadsBackAVersionBitForBit) {
  const TempFolder temp;
  const RunFolder folder(temp.path());
  const StateDict adapter = small_adapter(1);
  folder.write_version(3, adapter);
  EXPECT_TRUE(std::filesystem::exists(temp.path() / "versions" / "0003.safetensors"));
  const Result<StateDict> read = folder.read_version(3, adapter.digest());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read.value().values, adapter.values);
  EXPECT_EQ(*read.value().manifest, *adapter.manifest);
}

TEST(RunFolderTest, RefusesAVersionOfAnotherDigest) {
  const TempFolder temp;
  const RunFolder folder(temp.path());
  folder.write_version(1, small_adapter(1));
  const Result<StateDict> read = folder.read_version(1, small_adapter(2).digest());
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("0001.safetensors"));
  EXPECT_THAT(read.error().message, HasSubstr(small_adapter(2).digest()));
}

TEST(RunFolderTest, RefusesATornOrMissingVersion) {
  const TempFolder temp;
  const RunFolder folder(temp.path());
  const StateDict adapter = small_adapter(1);
  folder.write_version(1, adapter);
  std::filesystem::resize_file(folder.version(1), std::filesystem::file_size(folder.version(1)) - 4);
  EXPECT_FALSE(folder.read_version(1, adapter.digest()));
  folder.remove_version(1);
  EXPECT_FALSE(std::filesystem::exists(folder.version(1)));
  EXPECT_FALSE(folder.read_version(1, adapter.digest()));
}

TEST(RunFolderTest, AFlippedBitIsSeen) {
  const TempFolder temp;
  const RunFolder folder(temp.path());
  const StateDict adapter = small_adapter(1);
  folder.write_version(1, adapter);
  {
    std::fstream file(folder.version(1), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-3, std::ios::end);
    file.put('\x15');
  }
  EXPECT_FALSE(folder.read_version(1, adapter.digest()));
}

}  // namespace
}  // namespace weft::coordinator
