// Which byte of the base model is asked for next.
#include "worker/base_fetch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/worker/base_support.h"

namespace weft::worker {
namespace {

using testing::HasSubstr;

struct BaseFetchTest : testing::Test {
  wire::FetchFile asked() const { return std::get<wire::FetchFile>(fetch.ask().value()); }
  std::string digest_of(const std::string& name) const { return sha256_hex(contents.at(name)); }
  void begin(const std::map<std::string, std::uint64_t>& held = {}) {
    ASSERT_TRUE(fetch.on(wire::BaseFiles{list}));
    fetch.opened(held);
  }
  // Takes the next chunk of what is asked for. True: it completes its file.
  bool next() {
    const wire::Chunk chunk = *sender_of(contents, asked()).next();
    return fetch.on(chunk).value().value().completes;
  }

  BaseContents contents = small_base();
  BaseList list = list_of(contents);
  BaseFetch fetch{base_digest(list)};
};

TEST_F(BaseFetchTest, AsksForTheListThenForOneFileAfterAnother) {
  EXPECT_TRUE(std::holds_alternative<wire::FetchBase>(fetch.ask().value()));
  ASSERT_TRUE(fetch.on(wire::BaseFiles{list}));
  EXPECT_FALSE(fetch.ask()) << "before it is known what is here";
  fetch.opened({});
  std::map<std::string, Bytes> got;
  while (!fetch.whole()) {
    wire::ChunkSender sender = sender_of(contents, asked());
    for (bool complete = false; !complete;) {
      const wire::Chunk chunk = *sender.next();
      const BaseFetch::Piece piece = fetch.on(chunk).value().value();
      got[piece.name].insert(got[piece.name].end(), piece.bytes.begin(), piece.bytes.end());
      ASSERT_TRUE(sender.on(piece.ack));
      complete = piece.completes;
    }
    EXPECT_TRUE(sender.done());
  }
  EXPECT_EQ(got, contents);
  EXPECT_FALSE(fetch.ask());
  EXPECT_EQ(fetch.done(), fetch.total());
}

TEST_F(BaseFetchTest, AListOfAnotherModelIsNotTaken) {
  BaseList other = list;
  other[1].digest = std::string(64, 'e');
  const Status taken = fetch.on(wire::BaseFiles{other});
  ASSERT_FALSE(taken);
  EXPECT_THAT(taken.error().message, HasSubstr(base_digest(list)));
  EXPECT_TRUE(fetch.wants_list());
}

TEST_F(BaseFetchTest, GoesOnBehindWhatIsHere) {
  begin({{"config.json", 300}, {"model.safetensors", 1'000'001}});
  EXPECT_EQ(asked().digest, digest_of("model.safetensors"));
  EXPECT_EQ(asked().offset, 1'000'001U);
  const wire::Chunk chunk = *sender_of(contents, asked()).next();
  const BaseFetch::Piece piece = fetch.on(chunk).value().value();
  ASSERT_EQ(piece.bytes.size(), wire::kChunkBytes);
  EXPECT_EQ(piece.bytes[0], contents.at("model.safetensors")[1'000'001]);
  EXPECT_EQ(asked().offset, 1'000'001U + wire::kChunkBytes);
  EXPECT_EQ(fetch.done(), 300U + 1'000'001U + wire::kChunkBytes);
}

TEST_F(BaseFetchTest, ChunksOfOtherFilesAreLeftAndWrongOnesNamed) {
  begin();
  wire::Chunk chunk = *sender_of(contents, {.digest = digest_of("tokenizer.json")}).next();
  EXPECT_FALSE(fetch.on(chunk).value());
  chunk = *sender_of(contents, asked()).next();
  ++chunk.crc32;
  EXPECT_FALSE(fetch.on(chunk));
  chunk = *sender_of(contents, {.digest = asked().digest, .offset = 10}).next();
  EXPECT_THAT(fetch.on(chunk).error().message, HasSubstr("leaves a gap"));
  EXPECT_EQ(fetch.done(), 0U);
}

TEST_F(BaseFetchTest, WhatIsWrongComesAgainAtMostThreeTimes) {
  begin({{"config.json", 300}, {"model.safetensors", 5'500'000}, {"tokenizer.json", 1 << 20}});
  EXPECT_TRUE(fetch.whole());
  for (int time = 0; time < BaseFetch::kMostTimes; ++time) {
    ASSERT_TRUE(fetch.wrong({"config.json"}));
    EXPECT_FALSE(fetch.whole());
    EXPECT_EQ(asked().digest, digest_of("config.json"));
    EXPECT_TRUE(next());
    EXPECT_TRUE(fetch.whole());
  }
  const Status again = fetch.wrong({"config.json"});
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().message, HasSubstr("config.json came 4 times"));
}

TEST_F(BaseFetchTest, TellsEachTenthOnce) {
  begin();
  std::vector<std::uint64_t> told;
  while (!fetch.whole()) {
    next();
    if (const auto share = fetch.news()) told.push_back(*share);
  }
  EXPECT_EQ(told, (std::vector<std::uint64_t>{10, 30, 40, 60, 80, 100}));
}

}  // namespace
}  // namespace weft::worker
