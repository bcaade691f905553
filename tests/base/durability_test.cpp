// That a file which was written survives a power cut: its bytes are synced before it has its name, and its folder
// after. The linker puts the functions below before those of the C library (CMakeLists.txt).
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/base/disk.h"

namespace {

using testing::ElementsAre;

// What is done to the files below a folder, in order.
class Calls {
 public:
  void watch(const std::filesystem::path& folder) {
    folder_ = folder.string();
    lines.clear();
  }
  std::string name_of(const std::string& path) const {
    if (folder_.empty() || !path.starts_with(folder_)) return "";
    return path == folder_ ? "the folder" : path.substr(folder_.size() + 1);
  }
  std::string name_of(int fd) const {
    std::error_code error;
    return name_of(std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), error).string());
  }
  void note(const std::string& what, const std::string& name) {
    if (!name.empty() && (lines.empty() || lines.back() != what + " " + name)) lines.push_back(what + " " + name);
  }
  std::vector<std::string> lines;

 private:
  std::string folder_;
};
Calls calls;

}  // namespace

extern "C" {
int __real_fsync(int fd);
ssize_t __real_write(int fd, const void* bytes, size_t count);
int __real_rename(const char* from, const char* to);
int __real_renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags);

int __wrap_fsync(int fd) {
  calls.note("sync", calls.name_of(fd));
  return __real_fsync(fd);
}
ssize_t __wrap_write(int fd, const void* bytes, size_t count) {
  calls.note("write", calls.name_of(fd));
  return __real_write(fd, bytes, count);
}
int __wrap_rename(const char* from, const char* to) {
  calls.note("rename " + calls.name_of(from) + " to", calls.name_of(to));
  return __real_rename(from, to);
}
int __wrap_renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) {
  calls.note("rename " + calls.name_of(from) + " to", calls.name_of(to));
  return __real_renameat2(from_folder, from, to_folder, to, flags);
}
}

namespace weft {
namespace {

class DurabilityTest : public testing::Test {
 protected:
  DurabilityTest() {
    std::string name = testing::TempDir() + "weft_durability_XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~DurabilityTest() override {
    calls.watch("");
    std::filesystem::remove_all(folder_);
  }
  std::filesystem::path folder_;
};

TEST_F(DurabilityTest, AFileIsSyncedBeforeItHasItsNameAndItsFolderAfter) {
  calls.watch(folder_);
  system_disk().write_atomic(folder_ / "version", as_bytes("new")).value();
  EXPECT_THAT(calls.lines,
              ElementsAre("write version.tmp", "sync version.tmp", "rename version.tmp to version", "sync the folder"));
}

TEST_F(DurabilityTest, SoIsOneThatIsWrittenInPieces) {
  calls.watch(folder_);
  const std::unique_ptr<AtomicWriter> file = system_disk().create(folder_ / "large").value();
  for (const char* piece : {"a", "b"}) file->append(as_bytes(piece)).value();
  EXPECT_THAT(calls.lines, ElementsAre("write large.tmp"));
  file->commit().value();
  EXPECT_THAT(calls.lines,
              ElementsAre("write large.tmp", "sync large.tmp", "rename large.tmp to large", "sync the folder"));
}

TEST_F(DurabilityTest, AFolderIsPublishedWithAllThatIsInItSynced) {
  system_disk().make_folder(folder_ / "working" / "deep");
  system_disk().append(folder_ / "working" / "deep" / "file", as_bytes("bytes")).value();
  for (const char* renamed : {"rename working to result", "rename working to result again"}) {
    calls.watch(folder_);
    system_disk().publish(folder_ / "working", folder_ / "result").value();
    EXPECT_THAT(std::vector(calls.lines.begin(), calls.lines.begin() + 2),
                testing::UnorderedElementsAre("sync working/deep", "sync working/deep/file"));
    EXPECT_THAT(std::vector(calls.lines.begin() + 2, calls.lines.end()),
                ElementsAre("sync working", "rename working to result", "sync the folder"))
        << renamed;
    system_disk().make_folder(folder_ / "working" / "deep");
    system_disk().append(folder_ / "working" / "deep" / "file", as_bytes("newer")).value();
  }
}

TEST_F(DurabilityTest, ANewFolderIsSyncedInEachThatHoldsIt) {
  calls.watch(folder_);
  system_disk().make_folder(folder_ / "a" / "b");
  EXPECT_THAT(calls.lines, testing::UnorderedElementsAre("sync a", "sync the folder"));
  calls.watch(folder_);
  system_disk().make_folder(folder_ / "a" / "b");
  EXPECT_THAT(calls.lines, ElementsAre()) << "it was there";
}

TEST_F(DurabilityTest, WhatAnotherProcessWroteIsSyncedOnDemand) {
  system_disk().append(folder_ / "log", as_bytes("line")).value();
  calls.watch(folder_);
  system_disk().sync(folder_ / "log").value();
  EXPECT_THAT(calls.lines, ElementsAre("sync log"));
  EXPECT_TRUE(system_disk().sync(folder_ / "none")) << "there is nothing to sync";
}

}  // namespace
}  // namespace weft
