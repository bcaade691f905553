// The base model on a real disk: parts that are gone on with, files that are not what they should be, and the rename.
#include "worker/base_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/base/small_disk.h"
#include "tests/worker/base_support.h"

namespace weft::worker {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

struct BaseFolderTest : testing::Test {
  BaseFolderTest() {
    std::string name = testing::TempDir() + "baseXXXXXX";
    place = ::mkdtemp(name.data());
    model = place / "models/base";
    part = place / "models/base.part-alpha";
  }
  ~BaseFolderTest() override { fs::remove_all(place); }

  BaseFolder folder(const std::string& site = "alpha") const { return {model, {site}}; }
  static void put(BaseFolder& into, const BaseContents& files) {
    for (const auto& [name, bytes] : files) ASSERT_TRUE(into.append(name, bytes));
  }
  static BaseContents read(const fs::path& from) {
    BaseContents found;
    for (const auto& entry : fs::directory_iterator(from)) {
      const auto bytes = MappedFile::open(entry.path()).value();
      found[entry.path().filename()] = {bytes.bytes().begin(), bytes.bytes().end()};
    }
    return found;
  }

  fs::path place, model, part;
  BaseContents contents = small_base();
  BaseList list = list_of(contents);
  std::string room;
};

TEST_F(BaseFolderTest, WhatArrivesInPiecesBecomesTheModel) {
  BaseFolder folder = this->folder();
  EXPECT_FALSE(folder.there());
  EXPECT_THAT(folder.open(list, room), IsEmpty());
  const Bytes& weights = contents.at("model.safetensors");
  ASSERT_TRUE(folder.append("model.safetensors", ByteSpan(weights).first(1'000'000)));
  EXPECT_THAT(this->folder().open(list, room), ElementsAre(std::pair("model.safetensors", 1'000'000)));
  ASSERT_TRUE(folder.append("model.safetensors", ByteSpan(weights).subspan(1'000'000)));
  put(folder, {{"config.json", contents.at("config.json")}, {"tokenizer.json", contents.at("tokenizer.json")}});
  std::uint64_t seen = 0;
  EXPECT_THAT(folder.check(list, [&](const fl::TrainProgress& progress) { seen = progress.done; }, {}), IsEmpty());
  EXPECT_EQ(seen, total_bytes(list));
  EXPECT_FALSE(fs::exists(model)) << "before it is published";
  folder.publish();
  EXPECT_EQ(read(model), contents);
  EXPECT_FALSE(fs::exists(part));
  EXPECT_TRUE(folder.there());
}

TEST_F(BaseFolderTest, AFileThatIsNotWhatItsDigestSaysIsRemovedAndNamed) {
  BaseFolder folder = this->folder();
  folder.open(list, room);
  BaseContents changed = contents;
  changed.at("model.safetensors")[4'000'000] ^= 1U;
  put(folder, changed);
  EXPECT_THAT(folder.check(list, {}, {}), ElementsAre("model.safetensors"));
  EXPECT_FALSE(fs::exists(part / "model.safetensors"));
  EXPECT_THAT(folder.check(list, {}, {}), ElementsAre("model.safetensors")) << "one that is not there";
}

TEST_F(BaseFolderTest, WhatDoesNotFitTheListIsRemoved) {
  BaseFolder folder = this->folder();
  folder.open(list, room);
  put(folder, {{"config.json", base_bytes(301, 1)}, {"old.safetensors", base_bytes(10, 1)}, {"tokenizer.json", {1}}});
  fs::create_directories(part / "model.safetensors/nested");
  EXPECT_THAT(folder.open(list, room), ElementsAre(std::pair("tokenizer.json", 1)));
  EXPECT_THAT(read(part), ElementsAre(std::pair("tokenizer.json", Bytes{1})));
}

TEST_F(BaseFolderTest, AnEmptyFolderIsNoModelAndIsReplaced) {
  fs::create_directories(model);
  BaseFolder folder(model / "", {"alpha"});  // with a slash at its end
  EXPECT_FALSE(folder.there());
  folder.open(list, room);
  put(folder, contents);
  folder.publish();
  EXPECT_EQ(read(model), contents);
  EXPECT_FALSE(fs::exists(part));
}

TEST_F(BaseFolderTest, TwoWorkersDoNotTouchEachOthersPart) {
  BaseFolder alpha = folder("alpha"), beta = folder("beta");
  alpha.open(list, room);
  beta.open(list, room);
  put(alpha, contents);
  put(beta, {{"config.json", {1, 2}}});
  alpha.publish();
  EXPECT_EQ(read(model), contents);
  beta.publish();  // too late: alpha's is used
  EXPECT_EQ(read(model), contents);
  EXPECT_FALSE(fs::exists(place / "models/base.part-beta"));
}

TEST_F(BaseFolderTest, WhatIsThereIsLeftAlone) {
  fs::create_directories(model);
  ASSERT_TRUE(write_atomic(model / "config.json", Bytes{'{', '}'}));
  EXPECT_TRUE(folder().there());
  EXPECT_THAT(read(model), ElementsAre(std::pair("config.json", Bytes{'{', '}'})));
}

TEST_F(BaseFolderTest, RoomIsNeededForWhatIsNotHereYet) {
  const std::uint64_t total = total_bytes(list);
  SmallDisk none(total - 1'001), tight(total - 1'000), enough(2 * total);
  BaseFolder folder = this->folder();
  folder.open(list, room);
  ASSERT_TRUE(folder.append("model.safetensors", ByteSpan(contents.at("model.safetensors")).first(1'000)));
  room.clear();
  try {
    BaseFolder(model, {"alpha"}, none).open(list, room);
    ADD_FAILURE() << "it takes what it has no room for";
  } catch (const Failure& failure) {
    EXPECT_THAT(failure.what(), testing::HasSubstr("make room"));
  }
  BaseFolder(model, {"alpha"}, enough).open(list, room);
  EXPECT_EQ(room, "");
  EXPECT_THAT(BaseFolder(model, {"alpha"}, tight).open(list, room), testing::SizeIs(1));
  EXPECT_THAT(room, testing::HasSubstr("tight"));
}

TEST_F(BaseFolderTest, ACheckCanBeStopped) {
  BaseFolder folder = this->folder();
  folder.open(list, room);
  put(folder, contents);
  std::stop_source stop;
  EXPECT_THROW(folder.check(
                   list, [&](const fl::TrainProgress&) { stop.request_stop(); }, stop.get_token()),
               fl::Cancelled);
}

}  // namespace
}  // namespace weft::worker
