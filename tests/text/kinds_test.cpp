// A tiny tokenizer of every model family against the Hugging Face library: ids, types, truncation, words, decoded text.
#include <gtest/gtest.h>

#include "common/text/streaming_decoder.h"
#include "tests/text/tokenizer_support.h"

namespace weft::text {
namespace {

using nlohmann::json;

const json& kinds() {
  static const json all = read_json(fixture("kinds.json"))["kinds"];
  return all;
}

Tokenizer tokenizer_of(const json& kind) { return Tokenizer::parse(kind["tokenizer"].dump()).value(); }

const json& kind_named(const std::string& name) {
  for (const auto& kind : kinds()) {
    if (kind["name"] == name) return kind;
  }
  throw std::invalid_argument(name);
}

TEST(KindsTest, SameAsTheReference) {
  ASSERT_EQ(kinds().size(), 13U);
  for (const auto& kind : kinds()) {
    SCOPED_TRACE(kind["name"].get<std::string>());
    const auto tokenizer = tokenizer_of(kind);
    ASSERT_GT(kind["cases"].size(), 25U);
    for (const auto& one : kind["cases"]) same_as_full_reference(tokenizer, one);
  }
}

TEST(KindsTest, WordsOfATextCutBefore) {
  for (const auto& kind : kinds()) {
    SCOPED_TRACE(kind["name"].get<std::string>());
    const auto tokenizer = tokenizer_of(kind);
    for (const auto& one : kind["words"]) {
      const auto words = one[0].get<std::vector<std::string>>();
      const Encoding ours = tokenizer.encode_words(words, {});
      EXPECT_EQ(ours.ids, one[1].get<std::vector<TokenId>>());
      EXPECT_EQ(ours.words, one[2].get<std::vector<std::int32_t>>());
    }
  }
}

TEST(KindsTest, StreamedTextIsTheDecodedTextAndNeverTorn) {
  for (const auto& kind : kinds()) {
    SCOPED_TRACE(kind["name"].get<std::string>());
    const auto tokenizer = tokenizer_of(kind);
    for (const auto& one : kind["cases"]) {
      const auto ids = (one[8].is_null() ? one[6] : one[8]).get<std::vector<TokenId>>();
      const std::string whole = tokenizer.decode(ids);
      StreamingDecoder decoder(tokenizer);
      std::string streamed;
      for (const TokenId id : ids) {
        const std::string part = decoder.push(id);
        EXPECT_FALSE(part.ends_with("\uFFFD")) << whole;
        streamed += part;
      }
      EXPECT_EQ(streamed + decoder.finish(), whole);
    }
  }
}

TEST(KindsTest, ByteLevelDecodingIsLossless) {
  const std::string text = "It's  naïve 👩‍👩‍👧\n\n\t中文 end ";
  for (const char* name : {"gpt2", "llama3", "smollm2"}) {
    const auto tokenizer = tokenizer_of(kind_named(name));
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text).ids), text) << name;
  }
}

TEST(KindsTest, MarksTokensThatEndInASpan) {
  const auto tokenizer = tokenizer_of(kind_named("gpt2"));
  const std::string text = "hospital<|end|>the movie<|end|>";
  const TextSpan movie{text.find(" movie"), text.size()};
  const Encoding whole = tokenizer.encode(text, EncodeOptions{});
  const Encoding ours = tokenizer.encode_marked(text, std::vector<TextSpan>{movie}, {});
  EXPECT_EQ(ours.ids, whole.ids);
  ASSERT_EQ(ours.marked.size(), ours.ids.size());
  std::vector<TokenId> marked;
  for (std::size_t i = 0; i < ours.ids.size(); ++i) {
    if (ours.marked[i] != 0) marked.push_back(ours.ids[i]);
  }
  EXPECT_EQ(tokenizer.decode(marked, Specials::with), " movie<|end|>");
}

TEST(KindsTest, ATokenAcrossTheStartOfASpanIsMarkedWithIt) {
  const auto tokenizer = tokenizer_of(kind_named("gpt2"));
  const std::string text = "hospital movie embeddings";
  const auto ids = tokenizer.encode(text).ids;
  std::size_t begin = 0, index = 0;  // of the first token that has several letters
  while (tokenizer.token_of(ids[index]).size() == 1) begin += tokenizer.token_of(ids[index++]).size();
  const std::size_t end = begin + tokenizer.token_of(ids[index]).size();
  const Encoding ours = tokenizer.encode_marked(text, std::vector<TextSpan>{{begin + 1, end}}, {});
  EXPECT_EQ(ours.marked[index], 1);
  EXPECT_EQ(std::count(ours.marked.begin(), ours.marked.end(), 1), 1);
}

TEST(KindsTest, SpecialTokensAreOfNoWordAndUnmarkedEvenAlone) {
  const auto tokenizer = tokenizer_of(kind_named("roberta"));
  EXPECT_EQ(tokenizer.encode_words({}, {}).words, (std::vector<std::int32_t>{-1, -1}));
  EXPECT_EQ(tokenizer.encode_marked("", {}, {}).marked, (std::vector<std::uint8_t>{0, 0}));
}

TEST(KindsTest, BytesThatAreNoUtf8ReadAsReplacementCharacters) {
  for (const auto& kind : kinds()) {
    const auto tokenizer = tokenizer_of(kind);
    EXPECT_EQ(tokenizer.encode("a\xFF\xC3 b\xE2\x82").ids, tokenizer.encode("a\uFFFD\uFFFD b\uFFFD\uFFFD").ids)
        << kind["name"];
  }
}

TEST(KindsTest, RefusesTruncationThatCannotReachTheLength) {
  const auto tokenizer = tokenizer_of(kind_named("gpt2"));
  EncodeOptions options;
  options.max_tokens = 3;
  options.strategy = TruncationStrategy::only_first;
  EXPECT_THROW((void)tokenizer.encode_pair("a", "the movie was great", options), Failure);
}

}  // namespace
}  // namespace weft::text
