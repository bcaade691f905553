// Examples as one array of token ids.
#include "common/data/encode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::data {
namespace {

using testing::Each;
using testing::ElementsAreArray;

class EncodeTest : public testing::Test {
 protected:
  text::Tokenizer tokenizer_ =
      text::Tokenizer::load(std::string(WEFT_SOURCE_DIR) + "/tests/fixtures/tokenizer/small_tokenizer.json").value();
};

TEST_F(EncodeTest, LaysExamplesEndToEnd) {
  const std::vector<Example> examples{{"a cat", "", 1}, {"", "", 0}, {"a cat and more cats", "a pair", 1}};
  const EncodedDataset data = encode(tokenizer_, examples, 0);
  ASSERT_EQ(data.size(), 3U);
  EXPECT_EQ(data.truncated, 0U);
  EXPECT_THAT(data.labels, ElementsAreArray({1, 0, 1}));
  EXPECT_THAT(data.ids_of(0), ElementsAreArray(tokenizer_.encode("a cat").ids));
  EXPECT_EQ(data.length(1), 2U);  // [CLS] and [SEP]
  const auto pair = tokenizer_.encode_pair("a cat and more cats", "a pair");
  EXPECT_THAT(data.ids_of(2), ElementsAreArray(pair.ids));
  EXPECT_EQ(data.starts.back(), static_cast<std::int64_t>(data.ids.size()));
  ASSERT_EQ(data.type_ids.size(), data.ids.size());
  EXPECT_THAT(std::span(data.type_ids).last(pair.type_ids.size()), ElementsAreArray(pair.type_ids));
  EXPECT_EQ(data.type_ids.back(), 1);
}

TEST_F(EncodeTest, CutsAndCounts) {
  std::string longer;
  for (int i = 0; i < 50; ++i) longer += "cat ";
  const EncodedDataset data = encode(tokenizer_, {{"a", "", 0}, {longer, "", 0}, {longer, longer, 1}}, 8);
  EXPECT_EQ(data.truncated, 2U);
  EXPECT_LT(data.length(0), 8U);
  EXPECT_EQ(data.length(1), 8U);
  EXPECT_EQ(data.length(2), 8U);
  EXPECT_EQ(data.ids_of(1).back(), tokenizer_.id_of("[SEP]"));
}

TEST_F(EncodeTest, NothingGivesNothing) {
  const EncodedDataset data = encode(tokenizer_, {}, 8);
  EXPECT_EQ(data.size(), 0U);
  EXPECT_THAT(data.starts, Each(0));
}

}  // namespace
}  // namespace weft::data
