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

  EncodedDataset encode_texts(const std::vector<Example>& examples, std::size_t max_tokens) const {
    return encode({.max_tokens = max_tokens}, {.tokenizer = &tokenizer_}, examples);
  }
};

TEST_F(EncodeTest, LaysExamplesEndToEnd) {
  const std::vector<Example> examples{{"a cat", "", 1}, {"", "", 0}, {"a cat and more cats", "a pair", 1}};
  const EncodedDataset data = encode_texts(examples, 128);
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
  const EncodedDataset data = encode_texts({{"a", "", 0}, {longer, "", 0}, {longer, longer, 1}}, 8);
  EXPECT_EQ(data.truncated, 2U);
  EXPECT_LT(data.length(0), 8U);
  EXPECT_EQ(data.length(1), 8U);
  EXPECT_EQ(data.length(2), 8U);
  EXPECT_EQ(data.ids_of(1).back(), tokenizer_.id_of("[SEP]"));
}

TEST_F(EncodeTest, GivesSeveralLabelsAndTargets) {
  Example a, b;
  a.text = b.text = "a cat";
  a.labels = {0, 2};
  a.target = 0.5;
  const TaskConfig several{.labels = {"x", "y", "z"}, .problem = Problem::multi_label};
  EXPECT_THAT(encode(several, {.tokenizer = &tokenizer_}, {a, b}).label_vectors, ElementsAreArray({1, 0, 1, 0, 0, 0}));
  const TaskConfig regression{.problem = Problem::regression};
  EXPECT_THAT(encode(regression, {.tokenizer = &tokenizer_}, {a, b}).targets, ElementsAreArray({0.5, 0.0}));
}

TEST_F(EncodeTest, LabelsTheFirstTokenOfEachWord) {
  const TaskConfig task{.kind = TaskKind::token_classification, .labels = {"O", "X"}, .max_tokens = 8};
  Example example;
  example.words = {"unbelievable", "cat", "antidisestablishmentarianism"};
  example.tags = {1, 0, 1};
  const EncodedDataset data = encode(task, {.tokenizer = &tokenizer_}, {example});
  ASSERT_EQ(data.size(), 1U);
  EXPECT_EQ(data.length(0), 8U);
  EXPECT_EQ(data.truncated, 1U);
  const auto words = tokenizer_.encode_words(example.words, {.max_tokens = 8}).words;
  std::vector<std::int32_t> expected;
  for (std::size_t i = 0; i < words.size(); ++i)
    expected.push_back(words[i] < 0 || words[i] == words[i - 1] ? kNoLoss
                                                                : example.tags[static_cast<std::size_t>(words[i])]);
  EXPECT_THAT(data.token_labels_of(0), ElementsAreArray(expected));
  EXPECT_EQ(data.token_labels[0], kNoLoss);
  EXPECT_EQ(data.token_labels[1], 1);
}

TEST_F(EncodeTest, LeavesOutWordsThatGiveNoToken) {
  const TaskConfig task{.kind = TaskKind::token_classification, .labels = {"O", "X"}, .max_tokens = 8};
  Example nothing, something;
  nothing.words = {"\x01"};  // cleaned away
  something.words = {"cat"};
  nothing.tags = something.tags = {1};
  const EncodedDataset data = encode(task, {.tokenizer = &tokenizer_}, {nothing, something});
  EXPECT_EQ(data.size(), 1U);
  EXPECT_EQ(data.token_labels.size(), data.ids.size());
  EXPECT_EQ(data.without_loss, 1U);
}

TEST_F(EncodeTest, CutsDocumentsIntoBlocks) {
  const TaskConfig task{.kind = TaskKind::causal_lm, .max_tokens = 4};
  Example nine, two;
  nine.text = "a a a a a a a";  // and two special tokens
  two.text = "";
  const EncodedDataset data = encode(task, {.tokenizer = &tokenizer_}, {nine, two});
  const auto whole = tokenizer_.encode(nine.text).ids;
  ASSERT_EQ(whole.size(), 9U);
  ASSERT_EQ(data.size(), 3U);  // four, four, and one that teaches nothing; then the two special tokens alone
  EXPECT_THAT(data.ids_of(1), ElementsAreArray(std::span(whole).subspan(4, 4)));
  EXPECT_EQ(data.token_labels_of(1)[0], kNoLoss);
  EXPECT_THAT(data.token_labels_of(1).subspan(1), ElementsAreArray(std::span(whole).subspan(5, 3)));
  EXPECT_EQ(data.length(2), 2U);
  EXPECT_EQ(data.token_labels.size(), data.ids.size());
}

TEST_F(EncodeTest, LearnsTheAnswersOrAll) {
  TaskConfig task{.kind = TaskKind::causal_lm, .chat_template = "chatml"};
  const auto chatml = text::ChatTemplate::by_name(task.chat_template).value();
  const Encoders encoders{.tokenizer = &tokenizer_, .chat_template = &chatml};
  Example example;
  example.messages = {{"user", "a cat"}, {"assistant", "more cats"}};
  const EncodedDataset data = encode(task, encoders, {example});
  ASSERT_EQ(data.size(), 1U);
  const auto chat = chatml.render(example.messages, text::ChatEnd::closed).value();
  const auto marks =
      tokenizer_.encode_marked(chat.text, chat.answers, text::EncodeOptions{.specials = text::Specials::without})
          .marked;
  std::size_t learned = 0;
  for (std::size_t i = 0; i < data.length(0); ++i) {
    EXPECT_EQ(data.token_labels[i], marks[i] != 0 ? data.ids[i] : kNoLoss);
    learned += marks[i];
  }
  EXPECT_GT(learned, 1U);
  EXPECT_LT(learned, data.length(0) / 2);
  task.loss_on = LossOn::all;
  const EncodedDataset all = encode(task, encoders, {example});
  EXPECT_THAT(all.token_labels_of(0).subspan(1), ElementsAreArray(data.ids_of(0).subspan(1)));
  // An answer that is cut off altogether leaves nothing to learn.
  task.loss_on = LossOn::answers;
  task.max_tokens = 5;
  const EncodedDataset cut = encode(task, encoders, {example});
  EXPECT_EQ(cut.size(), 0U);
  EXPECT_EQ(cut.without_loss, 1U);
}

TEST_F(EncodeTest, NothingGivesNothing) {
  const EncodedDataset data = encode_texts({}, 8);
  EXPECT_EQ(data.size(), 0U);
  EXPECT_THAT(data.starts, Each(0));
}

}  // namespace
}  // namespace weft::data
