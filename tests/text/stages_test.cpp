// Single normalizers, pre-tokenizers and decoders against the Hugging Face library.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/text/split.h"
#include "common/text/stages_json.h"
#include "common/text/word_scanner.h"
#include "tests/text/tokenizer_support.h"

namespace weft::text {
namespace {

using nlohmann::json;

const json& stages() {
  static const json all = read_json(fixture("stages.json"));
  return all;
}

std::vector<std::string> split(const PreTokenizer& pre_tokenizer, const std::string& text) {
  TextPool pool;
  std::vector<std::string_view> words;
  pre_tokenizer.split({text}, pool, words);
  return {words.begin(), words.end()};
}

TEST(StagesTest, Normalizers) {
  ASSERT_GT(stages()["normalizers"].size(), 14U);
  for (const auto& one : stages()["normalizers"]) {
    const auto normalizer = make_normalizer(Json(&one[0]));
    for (std::size_t i = 0; i < one[1].size(); ++i) {
      std::string out;
      normalizer->normalize(stages()["texts"][i].get<std::string>(), out);
      EXPECT_EQ(out, one[1][i].get<std::string>()) << one[0] << stages()["texts"][i];
    }
  }
}

TEST(StagesTest, PreTokenizers) {
  ASSERT_GT(stages()["pre_tokenizers"].size(), 40U);
  for (const auto& one : stages()["pre_tokenizers"]) {
    const auto pre_tokenizer = make_pre_tokenizer(Json(&one[0]), ByteWords::no);
    for (std::size_t i = 0; i < one[1].size(); ++i) {
      EXPECT_EQ(split(*pre_tokenizer, stages()["texts"][i]), one[1][i].get<std::vector<std::string>>())
          << one[0] << stages()["texts"][i];
    }
  }
}

TEST(StagesTest, Decoders) {
  for (const auto& one : stages()["decoders"]) {
    const auto decoder = make_decoder(Json(&one[0]));
    for (std::size_t i = 0; i < one[1].size(); ++i) {
      auto tokens = stages()["tokens"][i].get<std::vector<std::string>>();
      decoder->decode(tokens);
      std::string text;
      for (const auto& token : tokens) text += token;
      EXPECT_EQ(text, one[1][i].get<std::string>()) << one[0] << stages()["tokens"][i];
    }
  }
}

// The scanners and the expressions that they stand for, on texts of random characters of the kinds that matter.
TEST(StagesTest, ScannersCutAsTheirExpressionsDo) {
  const std::vector<std::string> alphabet = {"a",      "b",   "S",      "t",  "l",  "e",     "r",  "v",      "'",
                                             "'s",     "'ll", " ",      "  ", "\n", "\r",    "\t", "\u00A0", "\u2028",
                                             "\u180E", "1",   "23",     "½",  "٣",  "é",     "中", "ſ",      "'ſ",
                                             "!",      "...", "\u0301", "😀",  "_",  "\u0001"};
  std::uint32_t state = 12345;
  for (const auto pattern : {WordScanner::gpt2_pattern(), WordScanner::llama3_pattern()}) {
    const auto scanner = WordScanner::for_pattern(pattern);
    const RegexSplit expression{Regex(pattern), {}};
    for (int round = 0; round < 4000; ++round) {
      std::string text;
      for (int i = 0; i < 12; ++i)
        text += alphabet[(state = state * 1664525U + 1013904223U) / 65536U % alphabet.size()];
      ASSERT_EQ(split(*scanner, text), split(expression, text)) << json(text);
    }
  }
}

TEST(StagesTest, NamesWhatIsNotSupported) {
  const auto message = [](const std::string& text) {
    const auto parsed = Tokenizer::parse(text);
    return parsed ? std::string() : parsed.error().message;
  };
  const std::string model = R"("model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":[]})";
  EXPECT_EQ(message("{" + model + "}"), "");
  EXPECT_NE(message("{" + model + R"(,"decoder":{"type":"CTC"}})").find("decoder: type \"CTC\" is not supported"),
            std::string::npos);
  EXPECT_NE(
      message("{" + model + R"(,"normalizer":{"type":"Replace","pattern":{"Regex":"(a"},"content":""}})").find("(a"),
      std::string::npos);
  EXPECT_NE(message(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[],"dropout":0.1}})").find("dropout"),
            std::string::npos);
  EXPECT_NE(message(R"({"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":[["a","b"]]}})").find("\"ab\""),
            std::string::npos);
  EXPECT_NE(
      message("{" + model + R"(,"normalizer":{"type":"Precompiled","precompiled_charsmap":"AAAA"}})").find("bytes"),
      std::string::npos);
}

}  // namespace
}  // namespace weft::text
