#include "coordinator/run_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "common/tensor/safetensors.h"
#include "tests/coordinator/coordinator_support.h"

namespace weft::coordinator {
namespace {

using testing::HasSubstr;

VersionFile write(const RunFolder& folder, std::uint32_t version, const StateDict& adapter) {
  VersionWriter file = folder.write_version(version, *adapter.manifest);
  const std::span<const float> values = adapter.values;
  file.append(values.first(1));
  file.append(values.subspan(1));
  return file.commit();
}

TEST(RunFolderTest, ReadsBackAVersionBitForBit) {
  const TempFolder temp;
  const RunFolder folder(temp.path());
  const StateDict adapter = small_adapter(1);
  write(folder, 3, adapter);
  EXPECT_TRUE(std::filesystem::exists(temp.path() / "versions" / "0003.safetensors"));
  const Result<StateDict> read = folder.read_version(3, adapter.digest());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read.value().values, adapter.values);
  EXPECT_EQ(*read.value().manifest, *adapter.manifest);
}

TEST(RunFolderTest, ReadsWindowsAndSendsTheFileItself) {
  const TempFolder temp;
  const RunFolder folder(temp.path());
  const StateDict adapter = small_adapter(1);
  const VersionFile written = write(folder, 2, adapter);
  const VersionFile opened = folder.open_version(2, adapter.digest(), *adapter.manifest).value();
  for (const VersionFile& file : {written, opened}) {
    EXPECT_EQ(file.digest(), adapter.digest());
    const Bytes payload = wire::payload_of(adapter);
    EXPECT_EQ(file.payload_digest(), sha256_hex(payload));
    EXPECT_EQ(file.payload().size(), payload.size());
    EXPECT_EQ(file.payload().read(0, payload.size()), payload);
    std::vector<float> window(2);
    file.read(1, window);
    EXPECT_THAT(window, testing::ElementsAre(adapter.values[1], adapter.values[2]));
  }
  EXPECT_EQ(read_text(folder.version(2)).value(), as_text(to_safetensors(adapter, {{"version", "2"}})));
}

TEST(RunFolderTest, RefusesAVersionOfOtherTensors) {
  const TempFolder temp;
  const RunFolder folder(temp.path());
  const StateDict adapter = small_adapter(1);
  write(folder, 1, adapter);
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> flat{
      {"all", {static_cast<std::int64_t>(adapter.values.size())}}};
  const Result<VersionFile> opened = folder.open_version(1, adapter.digest(), Manifest::build(std::move(flat)).value());
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("0001.safetensors: its tensors are not those"));
}

TEST(RunFolderTest, RefusesAVersionOfAnotherDigest) {
  const TempFolder temp;
  const RunFolder folder(temp.path());
  write(folder, 1, small_adapter(1));
  const Result<StateDict> read = folder.read_version(1, small_adapter(2).digest());
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("0001.safetensors"));
  EXPECT_THAT(read.error().message, HasSubstr(small_adapter(2).digest()));
}

TEST(RunFolderTest, RefusesATornOrMissingVersion) {
  const TempFolder temp;
  const RunFolder folder(temp.path());
  const StateDict adapter = small_adapter(1);
  write(folder, 1, adapter);
  std::filesystem::resize_file(folder.version(1), std::filesystem::file_size(folder.version(1)) - 4);
  EXPECT_FALSE(folder.read_version(1, adapter.digest()));
  EXPECT_FALSE(folder.open_version(1, adapter.digest(), *adapter.manifest));
  folder.remove_version(1);
  EXPECT_FALSE(std::filesystem::exists(folder.version(1)));
  EXPECT_FALSE(folder.read_version(1, adapter.digest()));
  EXPECT_FALSE(folder.open_version(1, adapter.digest(), *adapter.manifest));
}

TEST(RunFolderTest, AFlippedBitIsSeen) {
  const TempFolder temp;
  const RunFolder folder(temp.path());
  const StateDict adapter = small_adapter(1);
  write(folder, 1, adapter);
  {
    std::fstream file(folder.version(1), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-3, std::ios::end);
    file.put('\x15');
  }
  EXPECT_FALSE(folder.read_version(1, adapter.digest()));
  EXPECT_FALSE(folder.open_version(1, adapter.digest(), *adapter.manifest));
}

}  // namespace
}  // namespace weft::coordinator
