// Every message survives its encoding, and nothing else is taken for one.
#include "common/wire/messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/wire/field_io.h"
#include "tests/wire/wire_support.h"

namespace weft::wire {
namespace {

using testing::HasSubstr;

// Hand-made msgpack, so that what the encoder would never write can be written.
struct Raw {
  Bytes bytes;
  Raw& byte(unsigned value) {
    bytes.push_back(static_cast<std::uint8_t>(value));
    return *this;
  }
  Raw& big(std::uint64_t value, int width) {
    while (width-- > 0) byte(static_cast<unsigned>(value >> (8 * width)) & 0xffU);
    return *this;
  }
  Raw& text(const std::string& value) {  // up to 31 bytes
    byte(0xa0U | static_cast<unsigned>(value.size()));
    bytes.insert(bytes.end(), value.begin(), value.end());
    return *this;
  }
  // [1, type, {count fields ...
  static Raw message(const std::string& type, unsigned fields) {
    return Raw().byte(0x93).byte(1).text(type).byte(0x80U | fields);
  }
};

std::string fault_of(ByteSpan bytes) {
  const Result<Message> message = decode(bytes);
  return message ? std::string("(decoded as ") + name_of(message.value()) + ")" : message.error().message;
}
std::string fault_of(const Raw& raw) { return fault_of(raw.bytes); }

// A Metrics message up to the entries of its tally.
Raw metrics_with(unsigned tally_header) {
  Raw raw = Raw::message("Metrics", 4).text("version").byte(1).text("split").text("test").text("examples").byte(1);
  return raw.text("tally").byte(tally_header);
}

Raw fetch(const std::function<void(Raw&)>& offset) {
  Raw raw = Raw::message("Fetch", 2).text("version").byte(2).text("offset");
  offset(raw);
  return raw;
}

TEST(MessagesTest, NamesFollowTheVariant) {
  const auto all = examples();
  ASSERT_EQ(all.size(), std::variant_size_v<Message>);
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].index(), i);
  EXPECT_STREQ(name_of(all.front()), "Hello");
  EXPECT_STREQ(name_of(Offer{}), "Offer");
  EXPECT_STREQ(name_of(all.back()), "FetchFile");
}

// Equal bytes of a message decoded and encoded again, and equal fields by what is compared in the next test.
TEST(MessagesTest, DecodeOfEncodeIsIdentity) {
  std::mt19937_64 random(3);
  for (std::size_t type = 0; type < std::variant_size_v<Message>; ++type) {
    for (int i = 0; i < 200; ++i) {
      const Message message = random_message(type, random);
      const Bytes bytes = encode(message);
      ASSERT_LE(bytes.size(), kMaxMessageBytes);
      const Result<Message> again = decode(bytes);
      ASSERT_TRUE(again) << again.error().message;
      ASSERT_EQ(again.value().index(), type);
      ASSERT_EQ(encode(again.value()), bytes) << name_of(message);
    }
  }
}

TEST(MessagesTest, EveryFieldArrives) {
  const auto all = examples();
  const auto back = [&]<class T>(const T* /*type*/) -> T {
    for (const Message& message : all)
      if (std::holds_alternative<T>(message)) return std::get<T>(decode(encode(message)).value());
    return {};
  };
  const auto work = back(static_cast<Work*>(nullptr));
  EXPECT_EQ(work.round, 3U);
  EXPECT_EQ(work.version, 2U);
  EXPECT_EQ(work.adapter_digest, std::string(64, 'a'));
  EXPECT_EQ(work.adapter_bytes, 299528U);
  EXPECT_EQ(work.evaluate, std::vector<std::string>{"validation"});
  EXPECT_TRUE(work.train);
  const auto chunk = back(static_cast<Chunk*>(nullptr));
  EXPECT_EQ(chunk.offset, 1048576U);
  EXPECT_EQ(chunk.crc32, 0x8a9136aaU);
  EXPECT_EQ(chunk.data, (Bytes{0, 0x7f, 0x80, 0xff}));
  const auto offer = back(static_cast<Offer*>(nullptr));
  EXPECT_EQ(offer.values, (std::map<std::string, double>{{"loss", 0.25}}));
  EXPECT_EQ(offer.examples, 1024U);
  const auto metrics = back(static_cast<Metrics*>(nullptr));
  EXPECT_EQ(metrics.tally.parts.at("confusion"), (metrics::Counts{60, 4, 12, 52}));
  EXPECT_EQ(metrics.tally.parts.at("loss"), (metrics::Counts{64.5, 128}));
  const auto settled = back(static_cast<Settled*>(nullptr));
  EXPECT_EQ(settled.verdict, "committed");
  EXPECT_EQ(settled.record, std::string(64, 'a'));
  EXPECT_EQ(settled.signature, std::string(128, 'e'));
  EXPECT_FALSE(back(static_cast<Refused*>(nullptr)).permanent);
  EXPECT_EQ(
      back(static_cast<BaseFiles*>(nullptr)).files,
      (BaseList{{"config.json", std::string(64, 'a'), 612}, {"model.safetensors", std::string(64, 'b'), 90868376}}));
  EXPECT_EQ(back(static_cast<FetchFile*>(nullptr)).offset, 4194304U);
}

TEST(MessagesTest, TheLongestListOfFilesFits) {
  BaseFiles most;
  for (std::size_t i = 0; i < kMaxBaseFiles; ++i) {
    std::string name = std::to_string(10'000 + i);
    name.resize(kMaxBaseNameBytes, 'n');
    most.files.push_back({.name = name, .digest = std::string(64, 'f'), .bytes = kMaxBaseFileBytes});
  }
  EXPECT_EQ(std::get<BaseFiles>(decode(encode(most)).value()).files, most.files);
  most.files.push_back({.name = "one_more", .digest = std::string(64, 'f'), .bytes = 1});
  EXPECT_THROW(encode(most), std::logic_error);
}

TEST(MessagesTest, TheLargestChunkFits) {
  const Message largest = Chunk{std::string(64, 'f'), ~0ULL, ~0U, Bytes(kChunkBytes, 0xff)};
  const Bytes bytes = encode(largest);
  EXPECT_LE(bytes.size(), kChunkBytes + 256);
  EXPECT_TRUE(decode(bytes));
}

TEST(MessagesTest, ProseIsCutAndCleanedNotRefused) {
  const auto back = [](std::string reason) {
    return std::get<Refused>(decode(encode(Refused{.reason = std::move(reason)})).value()).reason;
  };
  EXPECT_EQ(back("two\nlines of caf\xc3\xa9"), "two\nlines of caf\xc3\xa9");
  EXPECT_EQ(back("bell\a and \xff"), "bell? and ?");
  std::string e_acutes = "x";
  for (int i = 0; i < 4000; ++i) e_acutes += "\xc3\xa9";
  const std::string cut = back(e_acutes);
  EXPECT_LE(cut.size(), kMaxProseBytes);
  EXPECT_TRUE(cut.ends_with("\xc3\xa9..."));
}

TEST(MessagesTest, EncoderRefusesWhatTheFormatHasNoPlaceFor) {
  EXPECT_THROW(encode(Welcome{.run = "r", .run_id = "short", .base_digest = std::string(64, 'a')}), std::logic_error);
  EXPECT_THROW(encode(Progress{.stage = "training", .tokens_per_second = HUGE_VAL}), std::logic_error);
  EXPECT_THROW(encode(Metrics{.split = "Not a word"}), std::logic_error);
  EXPECT_THROW(encode(Metrics{.split = "test", .tally = {{{"loss", {NAN, 1}}}}}), std::logic_error);
  EXPECT_THROW(encode(Metrics{.split = "test", .tally = {{{"loss", {}}}}}), std::logic_error);
  EXPECT_THROW(encode(Metrics{.split = "test", .tally = {{{"n", metrics::Counts(kMaxTallyNumbers + 1)}}}}),
               std::logic_error);
  EXPECT_THROW(encode(Chunk{.digest = std::string(64, 'a'), .data = Bytes(kChunkBytes + 1)}), std::logic_error);
  EXPECT_THROW(encode(Hello{.weft_version = "1\n2"}), std::logic_error);
}

TEST(MessagesAttackTest, TruncatedAtEveryLength) {
  for (const Message& message : examples()) {
    const Bytes whole = encode(message);
    for (std::size_t length = 0; length < whole.size(); ++length)
      EXPECT_THAT(fault_of(ByteSpan(whole).first(length)), HasSubstr("ends in the middle")) << name_of(message);
  }
}

TEST(MessagesAttackTest, TrailingBytes) {
  for (const Message& message : examples()) {
    Bytes bytes = encode(message);
    bytes.push_back(0xc0);
    EXPECT_THAT(fault_of(bytes), HasSubstr("1 bytes too many"));
  }
}

TEST(MessagesAttackTest, UnknownVersionAndType) {
  EXPECT_THAT(fault_of(Raw().byte(0x93).byte(2).text("Ping").byte(0x80)),
              AllOf(HasSubstr("protocol version 2"), HasSubstr("speaks 1")));
  EXPECT_THAT(fault_of(Raw().byte(0x93).byte(0xff).text("Ping").byte(0x80)), HasSubstr("version is an integer"));
  EXPECT_THAT(fault_of(Raw().byte(0x93).text("1").text("Ping").byte(0x80)), HasSubstr("version is text"));
  EXPECT_THAT(fault_of(Raw::message("Pong", 0)), HasSubstr("unknown type \"Pong\""));
  EXPECT_THAT(fault_of(Raw::message("\x1b[2J", 0)), HasSubstr("unknown type \"?[2J\""));
  EXPECT_THAT(fault_of(Raw().byte(0x93).byte(1).byte(7).byte(0x80)), HasSubstr("type is an integer"));
  EXPECT_THAT(fault_of(Raw().byte(0x93).byte(1).text("Ping").byte(0x90)), HasSubstr("fields are a list"));
  EXPECT_THAT(fault_of(Raw().byte(0x92).byte(1).text("Ping")), HasSubstr("a list of version, type and fields"));
  EXPECT_THAT(fault_of(Raw().byte(0xc1)), HasSubstr("not msgpack"));
}

TEST(MessagesAttackTest, MissingExtraAndRepeatedFields) {
  EXPECT_THAT(fault_of(Raw::message("Fetch", 1).text("version").byte(2)), HasSubstr("field \"offset\" is missing"));
  EXPECT_THAT(fault_of(Raw::message("Fetch", 3).text("version").byte(2).text("offset").byte(0).text("more").byte(0)),
              HasSubstr("field \"more\" is unknown"));
  EXPECT_THAT(fault_of(Raw::message("Fetch", 3).text("version").byte(2).text("offset").byte(0).text("offset").byte(1)),
              HasSubstr("field \"offset\" stands twice"));
  EXPECT_THAT(fault_of(Raw::message("Ping", 1).byte(5).byte(0)), HasSubstr("name of a field is an integer"));
}

TEST(MessagesAttackTest, MistypedFields) {
  const auto offset = [](std::vector<unsigned> bytes) {
    return fault_of(fetch([&](Raw& raw) {
      for (const unsigned byte : bytes) raw.byte(byte);
    }));
  };
  EXPECT_EQ(offset({5}), "(decoded as Fetch)");
  EXPECT_THAT(offset({0xff}), HasSubstr("\"offset\" is negative"));
  EXPECT_THAT(offset({0xc0}), HasSubstr("\"offset\" is nil, expected an integer"));
  EXPECT_THAT(offset({0xc3}), HasSubstr("\"offset\" is a boolean"));
  EXPECT_THAT(offset({0xa1, '5'}), HasSubstr("\"offset\" is text"));
  EXPECT_THAT(offset({0x91, 5}), HasSubstr("\"offset\" is a list"));
  EXPECT_THAT(offset({0x80}), HasSubstr("\"offset\" is a map"));
  EXPECT_THAT(offset({0xca, 0x40, 0xa0, 0, 0}), HasSubstr("\"offset\" is a float"));
  EXPECT_THAT(offset({0xc4, 1, 5}), HasSubstr("\"offset\" is bytes"));
  EXPECT_THAT(offset({0xd4, 1, 5}), HasSubstr("beyond the limits"));  // an extension
  EXPECT_THAT(fault_of(Raw::message("Fetch", 2).text("version").byte(0xcf).big(1ULL << 32, 8).text("offset").byte(0)),
              HasSubstr("\"version\" is 4294967296, limit"));
}

TEST(MessagesAttackTest, NotANumber) {
  for (const std::uint64_t bits : {0x7ff8000000000000ULL, 0x7ff0000000000000ULL, 0xfff0000000000000ULL}) {
    Raw progress = Raw::message("Progress", 5).text("round").byte(1).text("stage").text("training");
    progress.text("done").byte(1).text("total").byte(2).text("tokens_per_second").byte(0xcb).big(bits, 8);
    EXPECT_THAT(fault_of(progress), HasSubstr("\"tokens_per_second\" is not finite"));
    Raw offer = Raw::message("Offer", 6).text("round").byte(1).text("version").byte(0).text("digest");
    offer.byte(0xd9).byte(64).bytes.insert(offer.bytes.end(), 64, 'a');
    offer.text("bytes").byte(1).text("examples").byte(1).text("values").byte(0x81).text("loss").byte(0xcb).big(bits, 8);
    EXPECT_THAT(fault_of(offer), HasSubstr("under \"loss\" not a finite 64-bit float"));
    Raw metrics = metrics_with(0x81);
    metrics.text("loss").byte(0xc4).byte(16).big(0, 8);
    for (int i = 0; i < 64; i += 8) metrics.byte(static_cast<unsigned>(bits >> i) & 0xffU);  // little-endian
    EXPECT_THAT(fault_of(metrics), HasSubstr("under \"loss\" not the bytes of finite"));
  }
}

TEST(MessagesAttackTest, OverLongAndUncleanTexts) {
  const auto hello = [](const std::string& version) {
    Raw raw = Raw::message("Hello", 2).text("protocol").byte(1).text("weft_version");
    raw.byte(0xda).big(version.size(), 2);
    raw.bytes.insert(raw.bytes.end(), version.begin(), version.end());
    return fault_of(raw);
  };
  EXPECT_EQ(hello(std::string(kMaxLineBytes, 'v')), "(decoded as Hello)");
  EXPECT_THAT(hello(std::string(kMaxLineBytes + 1, 'v')), HasSubstr("\"weft_version\" has 257 bytes, limit 256"));
  for (const char* unclean :
       {"a\nb", "\x1b[31m", "\x7f", "\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"})
    EXPECT_THAT(hello(unclean), HasSubstr("not clean UTF-8"));
  EXPECT_THAT(hello(std::string("a\0b", 3)), HasSubstr("not clean UTF-8"));
}

TEST(MessagesAttackTest, DigestsWordsAndVerdictsAreOfTheirForm) {
  const auto ack = [](const std::string& digest) {
    Raw raw = Raw::message("Ack", 2).text("digest").byte(0xd9).big(digest.size(), 1);
    raw.bytes.insert(raw.bytes.end(), digest.begin(), digest.end());
    return fault_of(raw.text("offset").byte(0));
  };
  EXPECT_EQ(ack(std::string(64, 'a')), "(decoded as Ack)");
  for (const auto& bad : {std::string(63, 'a'), std::string(64, 'A'), std::string(64, 'g')})
    EXPECT_THAT(ack(bad), HasSubstr("expected 64 lower-case hex"));
  const auto metrics = [](const std::string& split) {
    return fault_of(Raw::message("Metrics", 4)
                        .text("version")
                        .byte(1)
                        .text("split")
                        .text(split)
                        .text("examples")
                        .byte(1)
                        .text("tally")
                        .byte(0x80));
  };
  EXPECT_EQ(metrics("test"), "(decoded as Metrics)");
  for (const auto& bad : {"", "../etc", "Test", "a b"}) EXPECT_THAT(metrics(bad), HasSubstr("expected a word"));
  Message settled = Settled{.round = 1, .digest = std::string(64, 'a'), .verdict = "perhaps"};
  EXPECT_THAT(fault_of(encode(settled)), HasSubstr("\"verdict\" is \"perhaps\""));
}

TEST(MessagesAttackTest, OnlyACommittedUpdateHasARecord) {
  const std::string digest(64, 'a');
  const auto settled = [&](const char* verdict, const std::string& record, const std::string& signature) {
    return fault_of(
        encode(Settled{.round = 1, .digest = digest, .verdict = verdict, .record = record, .signature = signature}));
  };
  EXPECT_EQ(settled("committed", digest, ""), "(decoded as Settled)");
  EXPECT_EQ(settled("late", "", ""), "(decoded as Settled)");
  EXPECT_THAT(settled("committed", "", "00"), HasSubstr("a record of 0 characters and a signature of 2"));
  EXPECT_THAT(settled("committed", "00", "00"), HasSubstr("expected a record of 64"));
  EXPECT_THAT(settled("late", digest, ""), HasSubstr("expected a record of 0 and none"));
  EXPECT_THAT(settled("refused", "", "00"), HasSubstr("a signature of 2"));
  EXPECT_THROW(settled("committed", std::string(64, 'A'), ""), std::logic_error);
  EXPECT_THROW(settled("committed", digest, std::string(258, 'a')), std::logic_error);
  EXPECT_THROW(settled("committed", digest, "abc"), std::logic_error);
}

// What stands in the list names files in a site's folder.
TEST(MessagesAttackTest, AListOfFilesNamesPlainFilesInOrder) {
  const std::string digest(64, 'a');
  const auto listed = [](const std::string& listing) {
    Raw raw = Raw::message("BaseFiles", 1).text("files").byte(0xda).big(listing.size(), 2);
    raw.bytes.insert(raw.bytes.end(), listing.begin(), listing.end());
    return fault_of(raw);
  };
  EXPECT_EQ(listed(digest + " 12 config.json\n" + digest + " 1 model.safetensors\n"), "(decoded as BaseFiles)");
  for (const char* name :
       {"../etc", "/etc/passwd", ".", "..", ".hidden", "a/b", "a\\b", "", "-rf", "a b", "caf\xc3\xa9"})
    EXPECT_THAT(listed(digest + " 12 " + name + "\n"), HasSubstr("has a name that is not")) << name;
  EXPECT_THAT(listed(digest + " 1 " + std::string(kMaxBaseNameBytes + 1, 'a') + "\n"), HasSubstr("has a name"));
  EXPECT_THAT(listed(digest + " 1 b\n" + digest + " 1 a\n"), HasSubstr("file a is not behind b"));
  EXPECT_THAT(listed(digest + " 1 a\n" + digest + " 1 a\n"), HasSubstr("file a is not behind a"));
  EXPECT_THAT(listed(digest + " 0 a\n"), HasSubstr("0 bytes, expected 1 to 2^40"));
  EXPECT_THAT(listed(digest + " 1099511627777 a\n"), HasSubstr("expected 1 to 2^40"));
  for (const std::string& line : {digest + " 01 a\n", digest + " +1 a\n", digest + " 99999999999999999999 a\n",
                                  digest + " 1 a", digest + " 1\n", digest + "\n", std::string("\n")})
    EXPECT_THAT(listed(line), HasSubstr("is not \"DIGEST BYTES NAME\"")) << line;
  EXPECT_THAT(listed(std::string(64, 'A') + " 1 a\n"), HasSubstr("digest is not 64"));
  EXPECT_THAT(listed(""), HasSubstr("0 files"));
}

TEST(MessagesAttackTest, TablesAndListsAreSmallWithoutRepeats) {
  Raw many = Raw::message("Work", 6).text("round").byte(1).text("version").byte(0).text("evaluate");
  many.byte(0xdc).big(kMaxEntries + 1, 2);
  for (std::size_t i = 0; i <= kMaxEntries; ++i) many.text("test");
  EXPECT_THAT(fault_of(many), HasSubstr("beyond the limits"));
  Raw twice = metrics_with(0x82);
  twice.text("loss").byte(0xc4).byte(8).big(0, 8).text("loss").byte(0xc4).byte(8).big(0, 8);
  EXPECT_THAT(fault_of(twice), HasSubstr("has \"loss\" twice"));
}

TEST(MessagesAttackTest, TalliesAreBoundedWholeNumbersOfNumbers) {
  const auto metrics = [](std::size_t bytes, int kinds = 1) {
    Raw raw = metrics_with(0x80U | static_cast<unsigned>(kinds));
    for (int kind = 0; kind < kinds; ++kind) {
      raw.text("kind_" + std::to_string(kind)).byte(0xc6).big(bytes, 4);
      raw.bytes.resize(raw.bytes.size() + bytes);
    }
    return fault_of(raw);
  };
  EXPECT_EQ(metrics(8 * kMaxTallyNumbers), "(decoded as Metrics)");
  EXPECT_EQ(metrics(8 * kMaxTallyNumbers / 4, 4), "(decoded as Metrics)");
  for (const std::string& fault : {metrics(0), metrics(7), metrics(8 * kMaxTallyNumbers + 8), metrics(12)})
    EXPECT_THAT(fault, HasSubstr("not the bytes of finite 64-bit floats, 65536 in all"));
  EXPECT_THAT(metrics(8 * kMaxTallyNumbers / 4 + 8, 4), HasSubstr("under \"kind_3\" not the bytes"));
  Raw number = metrics_with(0x81);
  number.text("loss").byte(0xcb).big(0, 8);
  EXPECT_THAT(fault_of(number), HasSubstr("under \"loss\" not the bytes"));
}

TEST(MessagesAttackTest, HugeDeclaredLengthsCostNothing) {
  for (const unsigned head : {0xddU, 0xdfU}) {  // list, map: msgpack would allocate for the declared count
    EXPECT_THAT(fault_of(fetch([&](Raw& raw) { raw.byte(head).big(0xffffffff, 4); })), HasSubstr("beyond the limits"));
    EXPECT_THAT(fault_of(Raw().byte(head).big(0xffffffff, 4)), HasSubstr("beyond the limits"));
  }
  for (const unsigned head : {0xdbU, 0xc6U, 0xc9U})  // text, bytes, extension: never copied before they are checked
    EXPECT_THAT(fault_of(fetch([&](Raw& raw) { raw.byte(head).big(0xffffffff, 4); })), HasSubstr("ends in the middle"));
  Raw chunk =
      Raw::message("Chunk", 4).text("digest").text("x").text("offset").byte(0).text("crc32").byte(0).text("data");
  chunk.byte(0xc6).big(kChunkBytes + 1, 4).bytes.resize(chunk.bytes.size() + kChunkBytes + 1);
  EXPECT_THAT(fault_of(chunk), HasSubstr("beyond the limits"));
  EXPECT_THAT(fault_of(Bytes(kMaxMessageBytes + 1, 0x90)), HasSubstr("limit 2.0 MiB"));
}

TEST(MessagesAttackTest, NestedBombs) {
  EXPECT_THAT(fault_of(Bytes(100'000, 0x91)), HasSubstr("nested too deeply"));
  EXPECT_THAT(fault_of(Bytes(100'000, 0x9f)), HasSubstr("nested too deeply"));
  EXPECT_THAT(fault_of(Bytes(100'000, 0x81)), HasSubstr("nested too deeply"));
  EXPECT_THAT(fault_of(fetch([](Raw& raw) { raw.byte(0x91).byte(0x91).byte(0); })), HasSubstr("nested too deeply"));
}

TEST(MessagesAttackTest, AnyFlippedByteIsAFaultOrAMessageThatEncodesAgain) {
  for (const Message& message : examples()) {
    const Bytes whole = encode(message);
    for (std::size_t i = 0; i < whole.size(); ++i)
      for (int bit = 0; bit < 8; ++bit) {
        Bytes flipped = whole;
        flipped[i] ^= static_cast<std::uint8_t>(1U << bit);
        const Result<Message> read = decode(flipped);
        if (!read) continue;
        EXPECT_TRUE(decode(encode(read.value()))) << name_of(message) << " byte " << i;
      }
  }
}

}  // namespace
}  // namespace weft::wire
