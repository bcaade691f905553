// Writes are complete or absent; digests match published vectors.
#include "common/base/file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "common/base/digest.h"
#include "common/base/ids.h"

namespace weft {
namespace {

std::filesystem::path fresh_folder(const std::string& name) {
  const auto folder = std::filesystem::path(testing::TempDir()) / ("weft_file_" + name);
  std::filesystem::remove_all(folder);
  make_folder(folder);
  return folder;
}

TEST(WriteAtomicTest, ReplacesContentAndSetsTheMode) {
  const auto path = fresh_folder("mode") / "key";
  ASSERT_TRUE(write_atomic(path, as_bytes("old")));
  ASSERT_TRUE(write_atomic(path, as_bytes("new"), 0600));
  EXPECT_EQ(read_text(path).value(), "new");
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

// A file-size limit in a child process stands for a full disk: write(2) fails part way.
TEST(WriteAtomicTest, KeepsTheOldFileWhenTheWriteFailsPartWay) {
  const auto path = fresh_folder("full") / "state";
  ASSERT_TRUE(write_atomic(path, as_bytes("committed")));
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const Status written = write_atomic(path, Bytes(1 << 16, 7));
    ::_exit(written ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read_text(path).value(), "committed");
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".tmp"));
}

TEST(WriteAtomicTest, NamesThePathAndTheReason) {
  const Status written = write_atomic("/nonexistent-folder/file", as_bytes("x"));
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find("/nonexistent-folder/file"), std::string::npos);
  EXPECT_NE(written.error().message.find("No such file"), std::string::npos);
}

TEST(AtomicFileTest, IsThereWholeOrNotAtAll) {
  const auto path = fresh_folder("pieces") / "state";
  ASSERT_TRUE(write_atomic(path, as_bytes("old")));
  {
    const auto dropped = atomic_file(path).value();
    ASSERT_TRUE(dropped->append(as_bytes("new")));
    EXPECT_TRUE(std::filesystem::exists(path.string() + ".tmp"));
  }
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".tmp"));
  EXPECT_EQ(read_text(path).value(), "old");
  const auto file = atomic_file(path).value();
  ASSERT_TRUE(file->append(as_bytes("warp ")));
  ASSERT_TRUE(file->append(as_bytes("and weft")));
  EXPECT_EQ(read_text(path).value(), "old");
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(read_text(path).value(), "warp and weft");
}

TEST(ScratchFileTest, GrowsIsReadAnywhereAndLeavesNothing) {
  const auto folder = fresh_folder("scratch");
  const auto file = scratch_file(folder).value();
  EXPECT_TRUE(std::filesystem::is_empty(folder)) << "it has no name, so a crash leaves nothing either";
  ASSERT_TRUE(file->append(as_bytes("warp ")));
  ASSERT_TRUE(file->append(as_bytes("and weft")));
  EXPECT_EQ(file->size(), 13U);
  Bytes part(6);
  ASSERT_TRUE(file->read(3, part));
  EXPECT_EQ(as_text(part), "p and ");
  EXPECT_FALSE(file->read(8, part)) << "its end lies within";
  EXPECT_FALSE(scratch_file(folder / "absent"));
}

TEST(OpenFileTest, ReadsAWindow) {
  const auto folder = fresh_folder("window");
  ASSERT_TRUE(write_atomic(folder / "data", as_bytes("warp and weft")));
  const auto file = open_file(folder / "data").value();
  EXPECT_EQ(file->size(), 13U);
  Bytes part(4);
  ASSERT_TRUE(file->read(9, part));
  EXPECT_EQ(as_text(part), "weft");
  EXPECT_NE(file->read(10, part).error().message.find("data: it ends at byte 13"), std::string::npos);
  EXPECT_FALSE(open_file(folder));
}

TEST(MappedFileTest, MapsContentAndEmptyFilesAndRefusesFolders) {
  const auto folder = fresh_folder("map");
  ASSERT_TRUE(write_atomic(folder / "data", as_bytes("warp and weft")));
  ASSERT_TRUE(write_atomic(folder / "empty", {}));
  MappedFile moved = MappedFile::open(folder / "data").value();
  const MappedFile file = std::move(moved);
  EXPECT_EQ(as_text(file.bytes()), "warp and weft");
  EXPECT_TRUE(MappedFile::open(folder / "empty").value().bytes().empty());
  EXPECT_FALSE(MappedFile::open(folder));
  EXPECT_FALSE(MappedFile::open(folder / "absent"));
}

TEST(MappedFileTest, NamesAPointerOfGitLfs) {
  const auto folder = fresh_folder("pointer");
  ASSERT_TRUE(
      write_atomic(folder / "big", as_bytes("version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 9\n")));
  for (const std::string& error :
       {MappedFile::open(folder / "big").error().message, read_text(folder / "big").error().message}) {
    EXPECT_NE(error.find("big is a pointer of git-lfs"), std::string::npos) << error;
    EXPECT_NE(error.find("lfs pull"), std::string::npos) << error;
  }
}

TEST(Sha256Test, MatchesPublishedVectors) {  // FIPS 180-4 examples
  EXPECT_EQ(sha256_hex({}), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex(as_bytes("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const auto path = fresh_folder("digest") / "abc";
  ASSERT_TRUE(write_atomic(path, as_bytes("abc")));
  EXPECT_EQ(sha256_hex_of_file(path), sha256_hex(as_bytes("abc")));
  EXPECT_THROW(sha256_hex_of_file(path.string() + ".absent"), Failure);
}

TEST(IdsTest, SiteNamesAreSafeAsFileNames) {
  EXPECT_TRUE(valid_site_name("clinic-b_2.north"));
  for (const char* bad : {"", "../x", ".hidden", "a b", "a/b", "a\n"}) EXPECT_FALSE(valid_site_name(bad)) << bad;
  EXPECT_FALSE(valid_site_name(std::string(65, 'a')));
}

TEST(HumanBytesTest, PicksTheUnit) {
  EXPECT_EQ(human_bytes(7), "7 B");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_bytes(std::uint64_t{3} << 30), "3.0 GiB");
}

}  // namespace
}  // namespace weft
