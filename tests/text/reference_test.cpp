// Ids equal to those of the Hugging Face library, on the committed cases.
#include <gtest/gtest.h>

#include "common/base/file.h"
#include "tests/text/tokenizer_support.h"

namespace weft::text {
namespace {

TEST(ReferenceTest, SmallVocabularyWithEveryKindOfAddedToken) {
  const auto tokenizer = Tokenizer::load(fixture("small_tokenizer.json")).value();
  const auto cases = read_json(fixture("small_cases.json"))["cases"];
  ASSERT_GT(cases.size(), 130U);
  for (const auto& one : cases) same_as_reference(tokenizer, one);
}

TEST(ReferenceTest, EveryNormalizerOption) {
  const auto spec = read_json(fixture("small_tokenizer.json"));
  const auto variants = read_json(fixture("small_cases.json"))["normalizers"];
  ASSERT_EQ(variants.size(), 6U);
  for (const auto& variant : variants) {
    auto changed = spec;
    changed["normalizer"] = variant[0];
    const auto tokenizer = Tokenizer::parse(changed.dump()).value();
    for (const auto& one : variant[1]) same_as_reference(tokenizer, one);
  }
}

TEST(ReferenceTest, MiniLm) {
  if (!std::filesystem::exists(minilm_tokenizer())) GTEST_SKIP() << "the model is not fetched: ./run setup";
  const auto tokenizer = Tokenizer::load(minilm_tokenizer()).value();
  EXPECT_EQ(tokenizer.vocabulary_size(), 30522U);
  const auto cases = read_json(fixture("minilm_cases.json"))["cases"];
  ASSERT_EQ(cases.size(), 400U);
  for (const auto& one : cases) same_as_reference(tokenizer, one);
}

}  // namespace
}  // namespace weft::text
