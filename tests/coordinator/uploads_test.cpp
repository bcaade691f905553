#include "coordinator/uploads.h"

#include <gtest/gtest.h>
#include <malloc.h>
#include <zlib.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "common/base/digest.h"
#include "coordinator/coordinator.h"
#include "coordinator/downloads.h"
#include "tests/base/small_disk.h"
#include "tests/coordinator/coordinator_support.h"

namespace weft::coordinator {
namespace {

constexpr Milliseconds kStall{1000};
const SiteId a{"a"}, b{"b"}, c{"c"};
TimePoint at(int milliseconds) { return TimePoint(Milliseconds(milliseconds)); }

struct Payload {
  explicit Payload(std::uint8_t fill, std::size_t chunks = 3)
      : bytes(std::make_shared<const Bytes>(chunks * wire::kChunkBytes, fill)), digest(sha256_hex(*bytes)) {}
  wire::Offer offer() const { return {.round = 1, .digest = digest, .bytes = bytes->size(), .examples = 1}; }
  wire::Chunk chunk(std::size_t index) const {
    return wire::ChunkSender(bytes, digest, index * wire::kChunkBytes).next().value();
  }
  std::shared_ptr<const Bytes> bytes;
  std::string digest;
};

Uploads with_places(std::size_t places, const TempFolder& folder, Disk& disk = system_disk()) {
  return {places, kStall, disk, folder.path()};
}

// "a:resume 0", "b:ack 1048576"
std::string text(const std::vector<Outgoing>& out) {
  std::string text;
  for (const Outgoing& each : out) {
    text += (text.empty() ? "" : ", ") + each.site.name;
    if (const auto* resume = std::get_if<wire::Resume>(&each.message))
      text += ":resume " + std::to_string(resume->offset / wire::kChunkBytes);
    if (const auto* ack = std::get_if<wire::Ack>(&each.message))
      text += ":ack " + std::to_string(ack->offset / wire::kChunkBytes);
    if (const auto* chunk = std::get_if<wire::Chunk>(&each.message))
      text += ":chunk " + std::to_string(chunk->offset / wire::kChunkBytes);
  }
  return text;
}

TEST(UploadsTest, CollectsAWholeUpdate) {
  const TempFolder folder;
  Uploads uploads = with_places(2, folder);
  const Payload payload(1);
  EXPECT_EQ(text(uploads.offer(a, payload.offer(), at(0))), "a:resume 0");
  EXPECT_EQ(text(uploads.chunk(a, payload.chunk(0), at(0)).out), "a:ack 1");
  EXPECT_EQ(text(uploads.chunk(a, payload.chunk(1), at(0)).out), "a:ack 2");
  EXPECT_EQ(uploads.bytes_on_disk(), 2 * wire::kChunkBytes);
  const Uploads::Outcome last = uploads.chunk(a, payload.chunk(2), at(0));
  ASSERT_TRUE(last.done);
  ASSERT_EQ(last.done->payload->size(), payload.bytes->size());
  Bytes collected(payload.bytes->size());
  ASSERT_TRUE(last.done->payload->read(0, collected));
  EXPECT_EQ(collected, *payload.bytes);
  EXPECT_EQ(last.done->offer.digest, payload.digest);
  EXPECT_EQ(uploads.bytes_on_disk(), 0U) << "the file was given away";
}

TEST(UploadsTest, JudgesTheValuesWhileTheyArrive) {
  const TempFolder folder;
  Uploads uploads = with_places(1, folder);
  const Payload payload(1);
  fl::NormSum whole;
  whole.add(*payload.bytes);
  uploads.offer(a, payload.offer(), at(0));
  std::optional<Uploads::Done> done;
  // Chunks of another size than values and blocks have, and some of it twice.
  for (std::size_t begin = 0; begin < payload.bytes->size(); begin += 99'999) {
    const std::size_t from = begin - std::min<std::size_t>(begin, 7);
    const std::size_t end = std::min(begin + 99'999, payload.bytes->size());
    const auto piece = std::make_shared<const Bytes>(payload.bytes->begin() + static_cast<std::ptrdiff_t>(from),
                                                     payload.bytes->begin() + static_cast<std::ptrdiff_t>(end));
    wire::Chunk chunk = wire::ChunkSender(piece, payload.digest, 0).next().value();
    chunk.offset = from;
    Uploads::Outcome outcome = uploads.chunk(a, chunk, at(0));
    EXPECT_EQ(outcome.problem, "");
    done = std::move(outcome.done);
  }
  ASSERT_TRUE(done);
  EXPECT_EQ(done->values.count(), whole.count());
  EXPECT_EQ(done->values.norm(), whole.norm());
}

// In an ordinary build the heap itself is asked; under a sanitizer, whose heap says nothing, this cannot fail.
TEST(UploadsTest, KeepsNothingOfAnUpdateInMemory) {
  const TempFolder folder;
  Uploads uploads = with_places(3, folder);
  const Payload payload(1, 16);
  const auto heap = [] {
    const struct mallinfo2 info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  const std::size_t before = heap();
  for (const SiteId& site : {a, b, c}) uploads.offer(site, payload.offer(), at(0));
  for (std::size_t i = 0; i + 1 < 16; ++i)
    for (const SiteId& site : {a, b, c}) uploads.chunk(site, payload.chunk(i), at(0));
  EXPECT_EQ(uploads.bytes_on_disk(), 3 * 15 * wire::kChunkBytes);
  EXPECT_LT(heap(), before + wire::kChunkBytes / 4);
}

TEST(UploadsTest, HoldsNoMoreThanItsPlacesHoweverManyOffer) {
  const TempFolder folder;
  Uploads uploads = with_places(2, folder);
  const Payload payload(1);
  std::string resumed;
  for (int site = 0; site < 64; ++site)
    resumed += text(uploads.offer({"s" + std::to_string(site)}, payload.offer(), at(0))) + " ";
  for (int site = 0; site < 64; ++site) uploads.chunk({"s" + std::to_string(site)}, payload.chunk(0), at(0));
  EXPECT_EQ(uploads.bytes_on_disk(), 2 * wire::kChunkBytes);
}

TEST(UploadsTest, WhatIsNotWantedAnyMoreMakesPlaceForTheOthers) {
  const TempFolder folder;
  Uploads uploads = with_places(1, folder);
  const Payload first(1), second(2), third(3);
  uploads.offer(a, first.offer(), at(0));
  uploads.offer(b, second.offer(), at(0));
  uploads.offer(c, third.offer(), at(0));
  EXPECT_EQ(uploads.offered(a)->digest, first.digest);
  EXPECT_EQ(text(uploads.drop({a, b}, at(1))), "c:resume 0") << "b had no place, and is given none";
  EXPECT_EQ(uploads.offered(a), nullptr);
  EXPECT_EQ(uploads.open().size(), 1U);
  EXPECT_EQ(text(uploads.chunk(b, second.chunk(0), at(2)).out), "");
  EXPECT_EQ(text(uploads.chunk(c, third.chunk(0), at(2)).out), "c:ack 1");
}

TEST(UploadsTest, AStalledSiteGoesOnWhereItWasWhenItsTurnComesAgain) {
  const TempFolder folder;
  Uploads uploads = with_places(1, folder);
  const Payload first(1), second(2, 1);
  uploads.offer(a, first.offer(), at(0));
  uploads.chunk(a, first.chunk(0), at(0));
  EXPECT_EQ(text(uploads.offer(b, second.offer(), at(10))), "");
  EXPECT_EQ(text(uploads.tick(at(1000))), "b:resume 0");
  EXPECT_EQ(uploads.bytes_on_disk(), wire::kChunkBytes) << "what it had sent is kept";
  EXPECT_EQ(text(uploads.chunk(a, first.chunk(1), at(1001)).out), "") << "it has no place, and is to wait";
  EXPECT_EQ(text(uploads.chunk(b, second.chunk(0), at(1002)).out), "b:ack 1, a:resume 2")
      << "what was on its way counts";
  const Uploads::Outcome last = uploads.chunk(a, first.chunk(2), at(1003));
  EXPECT_EQ(text(last.out), "a:ack 3");
  EXPECT_TRUE(last.done);
}

// Links that break more often than an update takes, and more sites than places: each goes on where it was.
TEST(UploadsTest, EveryUpdateArrivesThoughLinksBreakAllTheTime) {
  const TempFolder folder;
  Uploads uploads = with_places(2, folder);
  const std::vector<SiteId> sites{a, b, c, {"d"}};
  const Payload payload(1, 12);
  std::set<SiteId> arrived;
  std::map<SiteId, std::size_t> next;  // chunk that a site may send
  std::size_t sent = 0;
  const auto hear = [&](const std::vector<Outgoing>& out) {
    for (const Outgoing& each : out)
      if (const auto* resume = std::get_if<wire::Resume>(&each.message))
        next[each.site] = resume->offset / wire::kChunkBytes;
  };
  for (int time = 0; arrived.size() < sites.size() && time < 10'000; ++time) {
    if (time % 5 == 0) {  // all links break, after five chunks of twelve at most
      next.clear();
      for (const SiteId& site : sites) hear(uploads.away(site, at(time)));
      next.clear();
      for (const SiteId& site : sites)
        if (!arrived.contains(site)) hear(uploads.offer(site, payload.offer(), at(time)));
    }
    for (auto& [site, chunk] : std::map<SiteId, std::size_t>(next)) {
      Uploads::Outcome outcome = uploads.chunk(site, payload.chunk(chunk), at(time));
      ++sent;
      ++next[site];
      hear(outcome.out);
      if (!outcome.done) continue;
      arrived.insert(site);
      next.erase(site);
    }
  }
  EXPECT_EQ(arrived.size(), sites.size());
  EXPECT_EQ(sent, 4U * 12U) << "nothing is sent twice";
}

TEST(UploadsTest, ATrickleKeepsNoPlaceFromOthers) {
  const TempFolder folder;
  Uploads uploads = with_places(1, folder);
  const Payload slow(1), other(2);
  uploads.offer(a, slow.offer(), at(0));
  uploads.offer(b, other.offer(), at(0));
  wire::Chunk drop = slow.chunk(0);
  for (int i = 1; i < 10; ++i) {
    drop.offset = static_cast<std::uint64_t>(i - 1);
    drop.data = {1};
    drop.crc32 = static_cast<std::uint32_t>(::crc32_z(0, drop.data.data(), 1));
    uploads.chunk(a, drop, at(100 * i));
  }
  EXPECT_EQ(text(uploads.tick(at(1000))), "b:resume 0") << "a byte now and then is not moving";
}

TEST(UploadsTest, GoesOnWhereItWasAfterALostSession) {
  const TempFolder folder;
  Uploads uploads = with_places(1, folder);
  const Payload payload(1);
  uploads.offer(a, payload.offer(), at(0));
  uploads.chunk(a, payload.chunk(0), at(0));
  uploads.away(a, at(1));
  EXPECT_EQ(text(uploads.offer(a, payload.offer(), at(9000))), "a:resume 1");
  uploads.away(a, at(9001));
  EXPECT_EQ(text(uploads.offer(b, payload.offer(), at(9002))), "b:resume 0") << "now somebody waits";
  EXPECT_EQ(text(uploads.offer(a, payload.offer(), at(9003))), "");
  EXPECT_EQ(text(uploads.away(b, at(9004))), "a:resume 1");
  EXPECT_EQ(text(uploads.chunk(a, payload.chunk(1), at(9005)).out), "a:ack 2");
}

// What has come is still there for the next process.
class RestartTest : public testing::Test {
 protected:
  RestartTest() {
    Uploads uploads = with_places(1, folder_);
    uploads.offer(a, payload_.offer(), at(0));
    for (const std::size_t chunk : {0U, 1U}) uploads.chunk(a, payload_.chunk(chunk), at(0));
  }
  void expect_whole(const Uploads::Outcome& last) const {
    ASSERT_TRUE(last.done);
    Bytes collected(payload_.bytes->size());
    ASSERT_TRUE(last.done->payload->read(0, collected));
    EXPECT_EQ(collected, *payload_.bytes);
    fl::NormSum whole;
    whole.add(*payload_.bytes);
    EXPECT_EQ(last.done->values.norm(), whole.norm());
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path())) << "it is not needed any more";
  }
  const TempFolder folder_;
  const Payload payload_{1};
};

TEST_F(RestartTest, AnUploadGoesOnWhereItWas) {
  Uploads uploads = with_places(1, folder_);
  EXPECT_EQ(text(uploads.offer(a, payload_.offer(), at(0))), "a:resume 2");
  expect_whole(uploads.chunk(a, payload_.chunk(2), at(0)));
}

TEST_F(RestartTest, WhatTheDiskLostComesAgainAndIsNotTheSitesFault) {
  std::ofstream(folder_.path() / ("a." + payload_.digest)) << std::string(2 * wire::kChunkBytes, '\0');
  Uploads uploads = with_places(1, folder_);
  EXPECT_EQ(text(uploads.offer(a, payload_.offer(), at(0))), "a:resume 2");
  const Uploads::Outcome last = uploads.chunk(a, payload_.chunk(2), at(0));
  EXPECT_EQ(text(last.out), "a:resume 0");
  EXPECT_EQ(last.problem, "");
  EXPECT_FALSE(last.done || last.wrong);
  // It moves: nobody else gets its place.
  EXPECT_EQ(text(uploads.offer(b, Payload(2).offer(), at(900))), "");
  for (const std::size_t chunk : {0U, 1U}) uploads.chunk(a, payload_.chunk(chunk), at(950));
  EXPECT_EQ(text(uploads.tick(at(1500))), "");
  expect_whole(uploads.chunk(a, payload_.chunk(2), at(1500)));
}

TEST_F(RestartTest, WhoLostItsPlaceMeanwhileIsToWait) {
  std::ofstream(folder_.path() / ("a." + payload_.digest)) << std::string(2 * wire::kChunkBytes, '\0');
  Uploads uploads = with_places(1, folder_);
  uploads.offer(a, payload_.offer(), at(0));
  uploads.offer(b, Payload(2).offer(), at(1));
  EXPECT_EQ(text(uploads.tick(at(1000))), "b:resume 0");
  EXPECT_EQ(text(uploads.chunk(a, payload_.chunk(2), at(1001)).out), "");
  EXPECT_EQ(text(uploads.drop({b}, at(1002))), "a:resume 0");
}

TEST_F(RestartTest, WhatNobodyClaimsIsDropped) {
  Uploads uploads = with_places(1, folder_);
  uploads.offer(b, Payload(2).offer(), at(0));
  uploads.chunk(b, Payload(2).chunk(0), at(0));
  uploads.drop_unclaimed();
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / ("a." + payload_.digest)));
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / ("b." + Payload(2).digest)));
}

TEST_F(RestartTest, AnotherUpdateOfTheSiteTakesItsPlace) {
  const Payload other(2);
  Uploads uploads = with_places(1, folder_);
  EXPECT_EQ(text(uploads.offer(a, other.offer(), at(0))), "a:resume 0");
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / ("a." + payload_.digest)));
}

TEST_F(RestartTest, OneThatIsAllHereIsSentAgain) {
  std::ofstream(folder_.path() / ("a." + payload_.digest), std::ios::app) << std::string(wire::kChunkBytes, '\1');
  Uploads uploads = with_places(1, folder_);
  EXPECT_EQ(text(uploads.offer(a, payload_.offer(), at(0))), "a:resume 0") << "its site waits for a last answer";
}

// Has room for two chunks.
class TightDisk final : public RealDisk {
 public:
  Status append(const std::filesystem::path& path, ByteSpan bytes) override {
    std::uint64_t used = 0;
    for (const auto& entry : std::filesystem::directory_iterator(path.parent_path())) used += entry.file_size();
    const std::uint64_t room = 2 * wire::kChunkBytes - used;
    system_disk().append(path, bytes.first(std::min<std::size_t>(room, bytes.size()))).value();
    if (room < bytes.size()) return Error{"disk full"};
    return Ok{};
  }
};

TEST(UploadsTest, OnAFullDiskThoseWithoutAPlaceBeginAnew) {
  const TempFolder folder;
  TightDisk disk;
  Uploads uploads = with_places(1, folder, disk);
  const Payload first(1), second(2);
  uploads.offer(a, first.offer(), at(0));
  wire::Chunk half = first.chunk(0);
  half.data.resize(wire::kChunkBytes / 2);
  half.crc32 = static_cast<std::uint32_t>(::crc32(0, half.data.data(), static_cast<uInt>(half.data.size())));
  uploads.chunk(a, half, at(0));
  uploads.offer(b, second.offer(), at(1));
  EXPECT_EQ(text(uploads.tick(at(1000))), "b:resume 0");
  for (const std::size_t chunk : {0U, 1U})
    EXPECT_EQ(text(uploads.chunk(b, second.chunk(chunk), at(1000)).out), "b:ack " + std::to_string(chunk + 1));
  EXPECT_EQ(uploads.bytes_on_disk(), 2 * wire::kChunkBytes) << "what the other had sent made room";
  EXPECT_THROW(uploads.chunk(b, second.chunk(2), at(1001)), Failure) << "there is no more to be had";
}

TEST(UploadsTest, OnAFullDiskWhatNobodyClaimsGoesFirst) {
  const TempFolder folder;
  TightDisk disk;
  const Payload first(1), second(2);
  {
    Uploads earlier = with_places(1, folder, disk);
    earlier.offer(a, first.offer(), at(0));
    earlier.chunk(a, first.chunk(0), at(0));
  }
  Uploads uploads = with_places(1, folder, disk);
  uploads.offer(b, second.offer(), at(1));
  for (const std::size_t chunk : {0U, 1U})
    EXPECT_EQ(text(uploads.chunk(b, second.chunk(chunk), at(1)).out), "b:ack " + std::to_string(chunk + 1));
}

TEST(UploadsTest, NamesWhatIsWrong) {
  const TempFolder folder;
  Uploads uploads = with_places(1, folder);
  const Payload payload(1), other(2);
  uploads.offer(a, payload.offer(), at(0));
  EXPECT_EQ(text(uploads.chunk(a, other.chunk(0), at(0)).out), "") << "of another payload: settled meanwhile";
  Uploads::Outcome gap = uploads.chunk(a, payload.chunk(1), at(0));
  EXPECT_NE(gap.problem, "");
  EXPECT_FALSE(gap.wrong);
  uploads.offer(a, payload.offer(), at(1));
  for (std::size_t i = 0; i < 3; ++i) {
    wire::Chunk chunk = other.chunk(i);
    chunk.digest = payload.digest;
    gap = uploads.chunk(a, chunk, at(2));
  }
  EXPECT_TRUE(gap.wrong) << "all of it came, and it is another update";
}

TEST(UploadsTest, PlacesFollowFromTheSize) {
  EXPECT_EQ(upload_places(64 << 20, 1 << 20), 64U);
  EXPECT_EQ(upload_places(64 << 20, 20 << 20), 16U) << "a window of each";
  EXPECT_EQ(upload_places(1, 500 << 20), 2U);
  EXPECT_EQ(download_places(kTransferBytes, 20 << 20), 16U);
  EXPECT_EQ(download_places(kTransferBytes, 1 << 20), 64U);
}

TEST(DownloadsTest, SendsAWindowAtATimeToABoundedNumberOfSites) {
  Downloads downloads(2, kStall);
  const Payload payload(1, 6);
  const auto fetch = [&](const SiteId& site, std::size_t chunk) {
    return text(downloads.fetch(site, payload.bytes, payload.digest, chunk * wire::kChunkBytes, at(0)));
  };
  const auto ack = [&](const SiteId& site, std::size_t chunk, int time = 0) {
    return text(downloads.ack(site, {payload.digest, chunk * wire::kChunkBytes}, at(time)).value());
  };
  EXPECT_EQ(fetch(a, 0), "a:chunk 0, a:chunk 1, a:chunk 2, a:chunk 3");
  EXPECT_EQ(fetch(b, 5), "b:chunk 5");
  EXPECT_EQ(fetch(c, 0), "");
  EXPECT_EQ(ack(a, 2), "a:chunk 4, a:chunk 5");
  EXPECT_EQ(ack(b, 6), "c:chunk 0, c:chunk 1, c:chunk 2, c:chunk 3");
  EXPECT_FALSE(downloads.ack(a, {payload.digest, 7 * wire::kChunkBytes}, at(0)));
  EXPECT_EQ(ack(a, 6), "");
}

TEST(DownloadsTest, AStalledSiteIsSentNothingUntilItsTurnComesAgain) {
  Downloads downloads(1, kStall);
  const Payload payload(1, 6);
  downloads.fetch(a, payload.bytes, payload.digest, 0, at(0));
  EXPECT_EQ(text(downloads.fetch(b, payload.bytes, payload.digest, 5 * wire::kChunkBytes, at(10))), "");
  EXPECT_EQ(text(downloads.tick(at(1000))), "b:chunk 5");
  EXPECT_EQ(text(downloads.ack(a, {payload.digest, wire::kChunkBytes}, at(1001)).value()), "");
  EXPECT_EQ(text(downloads.ack(b, {payload.digest, 6 * wire::kChunkBytes}, at(1002)).value()), "a:chunk 4");
}

}  // namespace
}  // namespace weft::coordinator
