// A finished update survives a kill at any moment; torn and foreign files are neither sent nor lost.
#include "worker/spool.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "common/base/digest.h"
#include "common/base/file.h"
#include "tests/base/small_disk.h"

namespace weft::worker {
namespace {

const std::string kRun(32, 'a');

FinishedUpdate sample(std::uint32_t round, std::size_t bytes = 1000) {
  Bytes payload(bytes);
  for (std::size_t i = 0; i < bytes; ++i) payload[i] = static_cast<std::uint8_t>(i * 7 + round);
  return {.run_id = kRun,
          .round = round,
          .version = round - 1,
          .adapter_digest = "from",
          .digest = sha256_hex(payload),
          .examples = 42,
          .values = {{"loss", 0.1 + round}},
          .payload = std::make_shared<const Bytes>(std::move(payload))};
}

class SpoolTest : public testing::Test {
 protected:
  SpoolTest() {
    std::string name = testing::TempDir() + "spoolXXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~SpoolTest() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path file(std::uint32_t round) const {
    return folder_ / (kRun + "-" + std::to_string(round) + ".update");
  }
  std::filesystem::path folder_;
};

TEST_F(SpoolTest, WhatAKilledProcessHadBegunToWriteIsRemoved) {
  std::filesystem::create_directories(folder_ / "receipts");
  for (const char* name : {"a-1.update.tmp", "a.training.tmp", "receipts/a-1-b.json.tmp", "a-1.update.bad"})
    std::ofstream(folder_ / name) << "half";
  const Spool spool(folder_);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "a-1.update.tmp"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "a.training.tmp"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "receipts/a-1-b.json.tmp"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "a-1.update.bad")) << "for people";
}

TEST_F(SpoolTest, KeepsUpdatesAcrossRestartsUntilForgotten) {
  {
    Spool spool(folder_);
    ASSERT_TRUE(spool.put(sample(12)));
    ASSERT_TRUE(spool.put(sample(3)));
  }
  Spool spool(folder_);
  const auto found = spool.of_run(kRun).value();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].round, 3U);
  EXPECT_EQ(found[1].round, 12U);
  EXPECT_EQ(*found[1].payload, *sample(12).payload);
  EXPECT_EQ(found[1].values, sample(12).values);
  EXPECT_EQ(found[1].version, 11U);
  EXPECT_EQ(found[1].adapter_digest, "from");
  EXPECT_EQ(found[1].digest, sample(12).digest);
  EXPECT_EQ(found[1].examples, 42U);
  EXPECT_TRUE(spool.of_run(std::string(32, 'b')).value().empty());
  spool.forget(kRun, 3);
  spool.forget(kRun, 99);  // twice or unknown is no error
  ASSERT_EQ(spool.of_run(kRun).value().size(), 1U);
}

TEST_F(SpoolTest, SetsAsideWhatIsTornAtAnyByte) {
  const Bytes whole = encode_update(sample(1, 40));
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(decode_update(ByteSpan(whole).first(length))) << length;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    Bytes flipped = whole;
    flipped[i] ^= 1;
    EXPECT_FALSE(decode_update(flipped)) << i;
  }
  Spool spool(folder_);
  ASSERT_TRUE(spool.put(sample(1)));
  std::filesystem::resize_file(file(1), 500);
  EXPECT_TRUE(spool.of_run(kRun).value().empty());
  EXPECT_TRUE(std::filesystem::exists(file(1).string() + ".bad"));
  EXPECT_FALSE(std::filesystem::exists(file(1)));
}

TEST_F(SpoolTest, SetsAsideWhatBelongsToAnotherRoundOrRun) {
  Spool spool(folder_);
  ASSERT_TRUE(spool.put(sample(1)));
  std::filesystem::rename(file(1), file(2));
  EXPECT_TRUE(spool.of_run(kRun).value().empty());
  EXPECT_TRUE(std::filesystem::exists(file(2).string() + ".bad"));
}

TEST_F(SpoolTest, DiskFullKeepsTheOldFileAndSaysSo) {
  Spool spool(folder_);
  ASSERT_TRUE(spool.put(sample(1)));
  std::filesystem::create_directory(file(2));  // stands for any failure of the write
  EXPECT_FALSE(spool.put(sample(2)));
  EXPECT_FALSE(spool.of_run(kRun)) << "what cannot be read is not as good as absent";
  std::filesystem::remove(file(2));
  ASSERT_EQ(spool.of_run(kRun).value().size(), 1U);
}

// Whoever was killed between renaming a file and making that durable leaves one that a power cut may take back: it is
// not offered before that is made up for.
TEST_F(SpoolTest, WhatAKilledProcessHasRenamedIsMadeDurableBeforeItIsGivenOut) {
  class Watched final : public RealDisk {
   public:
    Status sync(const std::filesystem::path& path) override {
      synced.push_back(path);
      return broken ? Status(Error{"cannot sync " + path.string()}) : RealDisk::sync(path);
    }
    std::vector<std::filesystem::path> synced;
    bool broken = false;
  } disk;
  Spool spool(folder_, disk);
  write_atomic(file(1), encode_update(sample(1)), 0600).value();
  ASSERT_EQ(spool.of_run(kRun).value().size(), 1U);
  EXPECT_EQ(disk.synced, std::vector{folder_});
  disk.broken = true;
  EXPECT_FALSE(spool.of_run(kRun));
  EXPECT_TRUE(std::filesystem::exists(file(1)));
}

TEST_F(SpoolTest, OneWorkerAFolder) {
  Spool spool(folder_);
  try {
    Spool second(folder_);
    FAIL() << "two workers share a folder";
  } catch (const Failure& failure) {
    EXPECT_NE(std::string(failure.what()).find("in use by another worker"), std::string::npos);
  }
}

// The child writes round after round and is killed at an arbitrary moment: every file is whole.
TEST_F(SpoolTest, SurvivesKillAtAnyMoment) {
  for (int attempt = 0; attempt < 8; ++attempt) {
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      Spool spool(folder_);
      for (std::uint32_t round = 1;; ++round) {
        if (!spool.put(sample(round % 3 + 1, 300'000))) ::_exit(1);
        const char byte = 0;
        if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
      }
    }
    char byte = 0;
    for (int i = 0; i <= attempt % 4; ++i) ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ::close(ready[0]);
    ::close(ready[1]);
    ASSERT_TRUE(WIFSIGNALED(status));
    Spool spool(folder_);
    const auto found = spool.of_run(kRun).value();
    EXPECT_FALSE(found.empty());
    for (const FinishedUpdate& update : found) EXPECT_EQ(sha256_hex(*update.payload), update.digest);
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      EXPECT_NE(entry.path().extension(), ".bad") << entry.path();
  }
}

}  // namespace
}  // namespace weft::worker
