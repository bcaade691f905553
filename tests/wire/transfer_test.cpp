// A payload arrives whole whatever is lost on the way, or not at all.
#include "common/wire/transfer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <random>

namespace weft::wire {
namespace {

using testing::HasSubstr;

std::shared_ptr<const Bytes> noise(std::size_t size, std::uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  Bytes bytes(size);
  for (std::size_t at = 0; at < size; at += 8) {
    const std::uint64_t word = random();
    std::memcpy(bytes.data() + at, &word, std::min<std::size_t>(8, size - at));
  }
  return std::make_shared<const Bytes>(std::move(bytes));
}

struct Ends {
  std::shared_ptr<const Bytes> payload;
  std::string digest = sha256_hex(*payload);
  ChunkReceiver receiver{digest, payload->size()};
  ChunkSender sender(std::uint64_t from = 0) const { return {payload, digest, from}; }
};

TEST(TransferTest, CarriesAnySizeInChunks) {
  for (const std::size_t size : {std::size_t{1}, kChunkBytes - 1, kChunkBytes, kChunkBytes + 1, 9 * kChunkBytes + 7}) {
    Ends ends{noise(size)};
    ChunkSender sender = ends.sender();
    while (std::optional<Chunk> chunk = sender.next()) ASSERT_TRUE(sender.on(ends.receiver.on(*chunk).value()));
    EXPECT_TRUE(sender.done());
    ASSERT_TRUE(ends.receiver.complete());
    EXPECT_EQ(ends.receiver.take(), *ends.payload) << size;
  }
}

TEST(TransferTest, NeverMoreInFlightThanTheWindow) {
  const Ends ends{noise(11 * kChunkBytes + 5)};
  ChunkSender sender = ends.sender();
  std::uint64_t acknowledged = 0, sent = 0;
  std::mt19937_64 random(2);
  while (!sender.done()) {
    while (const std::optional<Chunk> chunk = sender.next()) {
      sent = chunk->offset + chunk->data.size();
      ASSERT_LE(sent - acknowledged, kWindowBytes);
    }
    ASSERT_GT(sent, acknowledged) << "the sender waits though all is acknowledged";
    acknowledged += 1 + random() % (sent - acknowledged);
    ASSERT_TRUE(sender.on(Ack{ends.digest, acknowledged}));
  }
  EXPECT_EQ(sent, ends.payload->size());
  EXPECT_FALSE(sender.next());
}

// The link breaks at random moments and takes what is in flight with it; the sender begins again where the receiver is.
TEST(TransferTest, ResumesAfterLossAtAnyPoint) {
  std::mt19937_64 random(3);
  for (int run = 0; run < 30; ++run) {
    Ends ends{noise(1 + random() % (6 * kChunkBytes), random())};
    int breaks = 0;
    while (!ends.receiver.complete()) {
      ChunkSender sender = ends.sender(ends.receiver.offset());
      std::deque<Chunk> flying;
      std::deque<Ack> acks;
      while (!ends.receiver.complete() && random() % 8 != 0) {
        if (std::optional<Chunk> chunk = sender.next()) flying.push_back(std::move(*chunk));
        if (random() % 2 == 0 && !flying.empty()) {
          acks.push_back(ends.receiver.on(flying.front()).value());
          flying.pop_front();
        }
        if (random() % 2 == 0 && !acks.empty()) {
          ASSERT_TRUE(sender.on(acks.front()));
          acks.pop_front();
        }
      }
      ASSERT_LT(++breaks, 10'000);
    }
    EXPECT_EQ(ends.receiver.take(), *ends.payload);
  }
}

TEST(TransferTest, ChunksThatCameBeforeAreAcknowledgedAgain) {
  Ends ends{noise(3 * kChunkBytes)};
  ChunkSender sender = ends.sender();
  const Chunk first = *sender.next(), second = *sender.next();
  ASSERT_TRUE(ends.receiver.on(first));
  ASSERT_TRUE(ends.receiver.on(second));
  EXPECT_EQ(ends.receiver.on(first).value().offset, 2 * kChunkBytes);
  // One that overlaps the end brings its new part only.
  ChunkSender later = ends.sender(kChunkBytes + 5);
  EXPECT_EQ(ends.receiver.on(*later.next()).value().offset, 2 * kChunkBytes + 5);
  EXPECT_TRUE(ends.receiver.on(*later.next()));
  ASSERT_TRUE(ends.receiver.complete());
  EXPECT_EQ(ends.receiver.take(), *ends.payload);
}

TEST(TransferAttackTest, RefusesAFlippedBit) {
  Ends ends{noise(1000)};
  Chunk chunk = *ends.sender().next();
  chunk.data[500] ^= 1;
  EXPECT_THAT(ends.receiver.on(chunk).error().message, HasSubstr("checksum"));
  EXPECT_EQ(ends.receiver.offset(), 0U);
}

TEST(TransferAttackTest, RefusesAWholeOfAnotherDigest) {
  const auto payload = noise(kChunkBytes + 10), other = noise(kChunkBytes + 10, 2);
  const std::string digest = sha256_hex(*payload);
  ChunkSender liar(other, digest, 0);
  ChunkReceiver receiver(digest, payload->size());
  ASSERT_TRUE(receiver.on(*liar.next()));
  EXPECT_THAT(receiver.on(*liar.next()).error().message, HasSubstr("expected " + digest));
  EXPECT_FALSE(receiver.complete());
  ChunkSender honest(payload, digest, receiver.offset());
  ASSERT_TRUE(receiver.on(*honest.next()));
  ASSERT_TRUE(receiver.on(*honest.next()));
  EXPECT_TRUE(receiver.complete());
}

TEST(TransferAttackTest, RefusesGapsEndsAndStrangers) {
  Ends ends{noise(2 * kChunkBytes)};
  ChunkSender sender = ends.sender();
  const Chunk first = *sender.next(), second = *sender.next();
  EXPECT_THAT(ends.receiver.on(second).error().message, HasSubstr("leaves a gap"));
  Chunk beyond = first;
  beyond.offset = kChunkBytes + 1;
  EXPECT_THAT(ends.receiver.on(beyond).error().message, HasSubstr("beyond the end"));
  beyond.offset = ~0ULL;
  EXPECT_THAT(ends.receiver.on(beyond).error().message, HasSubstr("beyond the end"));
  Chunk stranger = first;
  stranger.digest = std::string(64, '0');
  EXPECT_THAT(ends.receiver.on(stranger).error().message, HasSubstr("chunk of payload 000"));
  EXPECT_EQ(ends.receiver.offset(), 0U);
}

TEST(TransferAttackTest, SenderRefusesImpossibleAcknowledgements) {
  const Ends ends{noise(3 * kChunkBytes)};
  ChunkSender sender = ends.sender();
  (void)sender.next();
  EXPECT_FALSE(sender.on(Ack{ends.digest, kChunkBytes + 1}));
  ASSERT_TRUE(sender.on(Ack{ends.digest, kChunkBytes}));
  EXPECT_FALSE(sender.on(Ack{ends.digest, 0}));
  EXPECT_TRUE(sender.on(Ack{std::string(64, '0'), ~0ULL}));  // of another payload
  EXPECT_FALSE(sender.done());
}

TEST(TransferTest, PayloadIsTheFlatBuffer) {
  const auto manifest = std::make_shared<const Manifest>(Manifest::build({{"b", {2}}, {"a", {1}}}).value());
  StateDict state = StateDict::zeros(manifest);
  state.tensor("a")[0] = 1.0F;
  state.tensor("b")[1] = -2.0F;
  const Bytes payload = payload_of(state);
  EXPECT_EQ(payload, (Bytes{0, 0, 0x80, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0}));
  EXPECT_EQ(state_from_payload(payload, manifest).value().values, state.values);
  EXPECT_THAT(state_from_payload(ByteSpan(payload).first(8), manifest).error().message,
              HasSubstr("8 bytes, expected 12"));
}

}  // namespace
}  // namespace weft::wire
