// Which file counts for which token.
#include "common/text/special_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/text/tokenizer_support.h"

namespace weft::text {
namespace {

class SpecialTokensTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::path(testing::TempDir()) / "special_tokens_XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const char* name, const std::string& text) { std::ofstream(folder_ / name) << text; }

  std::filesystem::path folder_;
  Tokenizer tokenizer_ = Tokenizer::load(fixture("small_tokenizer.json")).value();
};

TEST_F(SpecialTokensTest, FirstFileThatNamesATokenCounts) {
  write("tokenizer_config.json", R"({"eos_token":{"content":"[SEP]"},"pad_token":null})");
  write("special_tokens_map.json", R"({"eos_token":"[CLS]","pad_token":"[PAD]","mask_token":"[MASK]"})");
  write("generation_config.json", R"({"eos_token_id":[3,1],"bos_token_id":2})");
  const SpecialTokens ours = read_special_tokens(folder_, tokenizer_).value();
  EXPECT_EQ(ours.eos, 3);
  EXPECT_EQ(ours.pad, 0);
  EXPECT_EQ(ours.bos, 2);
  EXPECT_EQ(ours.mask, 4);
  EXPECT_FALSE(ours.unknown);
  EXPECT_THAT(ours.stops, testing::ElementsAre(3, 1));
}

TEST_F(SpecialTokensTest, ConfigCountsWithoutAGenerationConfig) {
  write("config.json", R"({"eos_token_id":[4,2],"pad_token_id":-1})");
  EXPECT_THAT(read_special_tokens(folder_, tokenizer_).value().stops, testing::ElementsAre(4, 2));
  EXPECT_FALSE(read_special_tokens(folder_, tokenizer_).value().pad);
  write("config.json", R"({"eos_token_id":3})");
  EXPECT_THAT(read_special_tokens(folder_, tokenizer_).value().stops, testing::ElementsAre(3));
  write("generation_config.json", R"({"eos_token_id":-1,"pad_token_id":-1})");
  EXPECT_TRUE(read_special_tokens(folder_, tokenizer_).value().stops.empty());
}

TEST_F(SpecialTokensTest, APaddingTokenBehindTheVocabularyIsNone) {
  write("config.json", R"({"eos_token_id":2,"pad_token_id":99999})");
  const SpecialTokens ours = read_special_tokens(folder_, tokenizer_).value();
  EXPECT_FALSE(ours.pad);
  EXPECT_EQ(ours.eos, 2);
}

TEST_F(SpecialTokensTest, NoFilesNoTokens) {
  const SpecialTokens ours = read_special_tokens(folder_, tokenizer_).value();
  EXPECT_FALSE(ours.eos);
  EXPECT_TRUE(ours.stops.empty());
}

TEST_F(SpecialTokensTest, NamesATokenThatTheVocabularyLacks) {
  write("tokenizer_config.json", R"({"eos_token":"<|nope|>"})");
  EXPECT_THAT(read_special_tokens(folder_, tokenizer_).error().message, testing::HasSubstr("<|nope|>"));
  write("tokenizer_config.json", "{}");
  write("generation_config.json", R"({"eos_token_id":99999})");
  EXPECT_THAT(read_special_tokens(folder_, tokenizer_).error().message, testing::HasSubstr("99999"));
  write("generation_config.json", "{\"eos_token_id\":[" + std::string(1 << 20, '[') + std::string(1 << 20, ']') + "]}");
  EXPECT_THAT(read_special_tokens(folder_, tokenizer_).error().message, testing::HasSubstr("not a JSON object"));
  write("generation_config.json", "[");
  EXPECT_THAT(read_special_tokens(folder_, tokenizer_).error().message, testing::HasSubstr("not a JSON object"));
}

}  // namespace
}  // namespace weft::text
