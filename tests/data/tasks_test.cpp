// From data files to examples, for the tasks beside sequence classification with one label.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "common/data/cells.h"
#include "common/data/jsonl_writer.h"
#include "common/data/partition.h"
#include "tests/data/data_support.h"

namespace weft::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TaskConfig task_of(const std::string& yaml) {
  const auto view = YamlView::parse(yaml, "run.yaml");
  const TaskConfig task = parse_task_config(view);
  view.finish();
  return task;
}

const std::string kTopics = "kind: sequence_classification\nproblem: multi_label\nlabels: [art, law, war]\n";
const std::string kScore = "kind: sequence_classification\nproblem: regression\n";
const std::string kTags = "kind: token_classification\nlabels: [O, PER, LOC]\n";
const std::string kDocuments = "kind: causal_lm\n";
const std::string kChat = "kind: causal_lm\ntemplate: chatml\n";

DataConfig config_for(const std::string& task, const std::string& data, const std::filesystem::path& folder = "/base") {
  const auto view = data_block(data, folder);
  DataConfig config = parse_data_config(view, task_of(task));
  view.finish();
  return config;
}

struct Cleaned {
  std::vector<Example> examples;
  std::string summary;
};

Cleaned clean(const std::string& task, const std::string& data, const std::string& content) {
  Cleaner cleaner(config_for(task, data));
  cleaner.add_text(content, "f");
  Cleaned out{{}, cleaner.report().summary()};
  for (auto& record : cleaner.take()) out.examples.push_back(std::move(record.example));
  return out;
}

std::string refused(const std::string& task, const std::string& data, const std::string& content) {
  return error_of([&] { clean(task, data, content); });
}

TEST(TaskConfigTest, ReadsEachKind) {
  EXPECT_EQ(task_of(kTopics).problem, Problem::multi_label);
  EXPECT_TRUE(task_of(kScore).labels.empty());
  EXPECT_EQ(task_of(kDocuments).max_tokens, 512U);
  EXPECT_FALSE(task_of(kDocuments).has_conversations());
  EXPECT_EQ(task_of(kChat).chat_template, "chatml");
  EXPECT_EQ(task_of(kChat).loss_on, LossOn::answers);
  EXPECT_EQ(task_of(kChat + "loss: all\nmax_tokens: 9\n").loss_on, LossOn::all);
  EXPECT_EQ(task_of("kind: image_text\n").max_tokens, 77U);
  EXPECT_EQ(name_of(task_of("kind: image_classification\nlabels: [a, b]\n").kind), "image_classification");
  EXPECT_TRUE(task_of("kind: sequence_classification\nlabels: [a, b]\n").has_one_label());
  EXPECT_FALSE(task_of(kTags).has_one_label());
}

TEST(TaskConfigTest, RefusesNonsense) {
  const auto error = [](const std::string& yaml) { return error_of([&] { task_of(yaml); }); };
  EXPECT_THAT(error("kind: sequence_classification\nlabels: [a]\n"), HasSubstr("labels: names fewer than two classes"));
  EXPECT_THAT(error("kind: token_classification\nlabels: [a, b, a]\n"), HasSubstr("\"a\" is listed twice"));
  EXPECT_THAT(error(kScore + "labels: [a, b]\n"), HasSubstr("labels: unknown key"));
  EXPECT_THAT(error(kDocuments + "loss: all\n"), HasSubstr("loss: unknown key"));
  EXPECT_THAT(error("kind: translation\n"), HasSubstr("image_text"));
  EXPECT_THAT(error(kDocuments + "max_tokens: 2\n"), HasSubstr("max_tokens"));
}

TEST(MultiLabelTest, TakesSeveralLabelsOrNone) {
  const auto csv = clean(kTopics, "format: csv\nlabel: {separator: ;}\n",
                         "text,label\na,war; art\nb,\nc,law;law\na,law\nd,\"[\"\"law\"\"]\"\n");
  ASSERT_EQ(csv.examples.size(), 4U);
  EXPECT_THAT(csv.examples[0].labels, ElementsAre(0, 2));
  EXPECT_THAT(csv.examples[1].labels, ElementsAre());
  EXPECT_THAT(csv.examples[2].labels, ElementsAre(1));
  EXPECT_THAT(csv.examples[3].labels, ElementsAre(1));
  EXPECT_EQ(csv.summary, "read 5, kept 4, dropped 1 duplicate");
  const auto json =
      clean(kTopics, "format: jsonl\nlabel: {map: {1: art, 2: war}}\n", R"({"text": "a", "label": [2, 1]})");
  EXPECT_THAT(json.examples.at(0).labels, ElementsAre(0, 2));
  EXPECT_THAT(refused(kTopics, "format: jsonl\n", R"({"text": "a", "label": ["law", "tax"]})"),
              HasSubstr("f:1: label \"tax\" in column \"label\" is not mapped"));
  EXPECT_THAT(refused(kTopics, "format: jsonl\n", R"({"text": "a", "label": [[]]})"),
              HasSubstr("f:1: column \"label\": the array holds a value of type array"));
}

TEST(RegressionTest, TakesNumbers) {
  const auto found = clean(kScore, "format: tsv\nlabel: {column: y, unmapped: drop}\n",
                           "text\ty\na\t 1.5 \nb\t-2e3\nc\tmuch\nd\tnan\ne\t+0.25\n");
  ASSERT_EQ(found.examples.size(), 3U);
  EXPECT_EQ(found.examples[0].target, 1.5);
  EXPECT_EQ(found.examples[1].target, -2000);
  EXPECT_EQ(found.examples[2].target, 0.25);
  EXPECT_EQ(found.summary, "read 5, kept 3, dropped 2 with an unmapped label");
  EXPECT_THAT(refused(kScore, "format: tsv\n", "text\tlabel\na\tx\n"),
              HasSubstr("f:2: column \"label\": got \"x\", expected a number"));
  EXPECT_THAT(error_of([] { config_for(kScore, "format: tsv\nlabel: {map: {a: b}}\n"); }), HasSubstr("map"));
}

TEST(TokenClassificationTest, ReadsArraysAndConll) {
  const auto json = clean(kTags, "format: jsonl\nlabel: {map: {0: O, 1: PER, 2: LOC}}\n",
                          R"({"words": ["Ann", "in", "Rome"], "tags": [1, 0, 2]})"
                          "\n"
                          R"({"words": [], "tags": []})");
  ASSERT_EQ(json.examples.size(), 1U);
  EXPECT_THAT(json.examples[0].words, ElementsAre("Ann", "in", "Rome"));
  EXPECT_THAT(json.examples[0].tags, ElementsAre(1, 0, 2));
  EXPECT_EQ(json.summary, "read 2, kept 1, dropped 1 empty");
  const std::string file = "-DOCSTART- -X- O O\n\nAnn NNP B PER\nin IN O O\r\n\n\nRome\tNNP\tB\tLOC\n";
  for (const char* columns : {"", "columns: [w, pos, chunk, t]\nwords: w\ntags: t\n"}) {
    const auto conll = clean(kTags, std::string("format: conll\n") + columns, file);
    ASSERT_EQ(conll.examples.size(), 2U);
    EXPECT_THAT(conll.examples[0].words, ElementsAre("Ann", "in"));
    EXPECT_THAT(conll.examples[0].tags, ElementsAre(1, 0));
    EXPECT_THAT(conll.examples[1].tags, ElementsAre(2));
  }
  const auto pos = clean("kind: token_classification\nlabels: [NNP, IN]\n",
                         "format: conll\ncolumns: [words, tags, chunk, t]\n", file);
  EXPECT_THAT(pos.examples.at(0).tags, ElementsAre(0, 1));
}

TEST(TokenClassificationTest, NamesTheLineOfWhatIsWrong) {
  EXPECT_THAT(refused(kTags, "format: conll\n", "a O\nb\n"),
              HasSubstr("f:2: got one column, expected a word and its tag"));
  EXPECT_THAT(refused(kTags, "format: conll\n", "a O\n\nb O\nc X\n"), HasSubstr("f:3: label \"X\" in column \"tags\""));
  EXPECT_THAT(refused(kTags, "format: conll\ncolumns: [words, tags]\n", "a O\nb O O\n"),
              HasSubstr("f:2: got 3 columns"));
  EXPECT_THAT(refused(kTags, "format: tsv\n", "words\ttags\na b\tO\n"),
              HasSubstr("f:2: column \"tags\": got 1 tags for 2 words"));
}

TEST(DocumentsTest, AreParagraphsLinesOrTheFile) {
  const auto texts = [](const char* documents) {
    std::vector<std::string> out;
    for (const auto& example :
         clean(kDocuments, std::string("format: text\ndocuments: ") + documents, "\none\r\ntwo \n \n\nthree\n")
             .examples)
      out.push_back(example.text);
    return out;
  };
  EXPECT_THAT(texts("paragraphs"), ElementsAre("one\ntwo", "three"));
  EXPECT_THAT(texts("lines"), ElementsAre("one", "two", "three"));
  EXPECT_THAT(texts("file"), ElementsAre("one\ntwo \n \n\nthree"));
  // No limit of length, as they are cut later.
  EXPECT_EQ(clean(kDocuments, "format: text\n", std::string(200'000, 'x')).examples.size(), 1U);
}

TEST(ConversationsTest, AreMessagesOrPromptAndResponse) {
  const auto found =
      clean(kChat, "format: jsonl\n",
            R"({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]})"
            "\n"
            R"({"messages": [{"role": "user", "content": "hi"}]})"
            "\n"
            R"({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "no"}]})");
  ASSERT_EQ(found.examples.size(), 2U);
  EXPECT_EQ(found.examples[0].messages[1], (text::ChatMessage{"assistant", "ho"}));
  EXPECT_EQ(found.summary, "read 3, kept 2, dropped 1 empty");
  const auto pairs =
      clean(kChat, "format: csv\nprompt: q\nresponse: a\nmax_characters: 4\n", "q,a\nx,y\nx,\nxxx,yyy\n");
  ASSERT_EQ(pairs.examples.size(), 1U);
  EXPECT_THAT(pairs.examples[0].messages,
              ElementsAre(text::ChatMessage{"user", "x"}, text::ChatMessage{"assistant", "y"}));
  EXPECT_EQ(pairs.summary, "read 3, kept 1, dropped 1 empty, 1 too long");
  EXPECT_THAT(refused(kChat, "format: jsonl\n", R"({"messages": [{"role": "user"}]})"),
              HasSubstr("f:1: column \"messages\": message 1 lacks a text \"role\" or \"content\""));
  EXPECT_THAT(refused(kChat, "format: jsonl\n", R"({"messages": "hi"})"), HasSubstr("expected an array of {role"));
  EXPECT_THAT(error_of([] { config_for(kChat, "format: text\n"); }), HasSubstr("text holds no conversations"));
  EXPECT_THAT(error_of([] { config_for(kTags, "format: idx\n"); }), HasSubstr("conll"));
}

// Two different conversations never run together to the same bytes, and what was left out of a hash is no copy.
TEST(SplitHashTest, TellsExamplesApart) {
  Example a, b;
  a.messages = {{"user", "ab"}, {"assistant", "c"}};
  b.messages = {{"user", "a"}, {"assistant", "bc"}};
  EXPECT_NE(copy_hash(a), copy_hash(b));
  Example words, others;
  words.words = {"a", "bc"};
  others.words = {"ab", "c"};
  EXPECT_NE(copy_hash(words), copy_hash(others));
  others.words = words.words;
  others.tags = {1, 2};
  EXPECT_EQ(copy_hash(words), copy_hash(others));
  Example picture, captioned;
  picture.image.digest = captioned.image.digest = "d";
  captioned.text = "a caption";
  EXPECT_NE(copy_hash(picture), copy_hash(captioned));
  for (double part = 0.05; part < 1; part += 0.05) EXPECT_EQ(split_of(picture, part, 0), split_of(captioned, part, 0));
}

TEST(GzipTest, UnpacksFilesAndRefusesTornOnes) {
  const ScratchFolder folder;
  const auto path = folder.path() / "a.tsv.gz";
  std::string content = "text\tlabel\n";
  for (int i = 0; i < 20'000; ++i) content += std::to_string(i) + std::string(100, 'x') + "\tpositive\n";
  gzFile file = gzopen(path.c_str(), "wb");
  ASSERT_EQ(gzwrite(file, content.data(), static_cast<unsigned>(content.size())), static_cast<int>(content.size()));
  gzclose(file);
  const auto config = config_of("format: tsv\nsplit: {validation: 0, test: 0}\nfile: a.tsv.gz\n", folder.path());
  EXPECT_EQ(load_site(config, "s").splits.train.size(), 20'000U);
  const std::string packed = read_text(path).value();
  folder.write("a.tsv.gz", packed.substr(0, packed.size() - 9));
  EXPECT_THAT(error_of([&] { load_site(config, "s"); }), HasSubstr("the gzip file is broken or torn"));
}

// What a simulated site writes for its own process reads back to the same examples, in the same order.
TEST(JsonlWriterTest, CarriesEveryTask) {
  const auto pixels = std::make_shared<const Bytes>(Bytes{1, 2, 3, 4, 5, 255});
  Example topics, score, tags, document, chat, digit;
  topics.text = score.text = document.text = "t";
  topics.labels = {0, 2};
  score.target = 0.1;
  tags.words = {"a", "\"b\""};
  tags.tags = {2, 0};
  chat.messages = {{"system", " s"}, {"user", "u\n"}, {"assistant", "a"}};
  digit.label = 1;
  digit.image = image_of_grey(pixels, 2, 2, 2);
  const std::pair<std::string, Example> all[] = {
      {kTopics, topics},      {kScore, score}, {kTags, tags},
      {kDocuments, document}, {kChat, chat},   {"kind: image_classification\nlabels: [a, b]\n", digit}};
  for (const auto& [task, example] : all) {
    const ScratchFolder folder;
    DataConfig config;
    config.task = task_of(task);
    config.validation = config.test = 0;
    write_jsonl(folder.path() / "x.jsonl", {.train = {example}}, config.task);
    const auto again = load_site(config_for(task, jsonl_data_block(config, folder.path() / "x.jsonl")), "s");
    ASSERT_EQ(again.splits.train.size(), 1U) << task;
    EXPECT_EQ(again.splits.train[0], example) << task;
    if (example.image.width > 0) {
      EXPECT_THAT(again.splits.train[0].image.grey_pixels(), ElementsAre(3, 4, 5, 255));
    }
  }
}

TEST(DivisionClassesTest, FollowTheTask) {
  std::vector<Example> examples(4);
  examples[1].labels = {2};
  examples[2].tags = {0, 2, 1};
  examples[3].tags = {0};
  EXPECT_THAT(division_classes(examples, task_of(kTopics)), ElementsAre(-1, 2, -1, -1));
  EXPECT_THAT(division_classes(examples, task_of(kTags)), ElementsAre(-1, -1, 2, 0));
  EXPECT_THAT(division_classes(examples, task_of(kDocuments)), ElementsAre(0, 0, 0, 0));
  examples.resize(20);
  for (int i = 0; i < 20; ++i) examples[static_cast<std::size_t>(i)].target = i % 10 == 0 ? -1 : i;
  const auto tenths = division_classes(examples, task_of(kScore));
  EXPECT_EQ(tenths[0], 0);
  EXPECT_EQ(tenths[10], 0);
  EXPECT_EQ(tenths[2], 1);
  EXPECT_EQ(tenths[19], 9);
}

TEST(SitesOfTasksTest, EveryTaskIsDividedInEveryWay) {
  const ScratchFolder folder;
  std::string chats, columns = "words\ttags\tsite\n";
  for (int i = 0; i < 200; ++i) {
    chats += R"({"q": "question )" + std::to_string(i) + R"(", "a": "b"})" + "\n";
    columns += "w" + std::to_string(i) + "\t" + (i % 3 == 0 ? "PER" : "O") + "\t" + (i % 2 == 0 ? "x" : "y") + "\n";
  }
  folder.write("chats.jsonl", chats);
  folder.write("words.tsv", columns);
  const std::vector<std::string> names{"x", "y"};
  const auto count = [&](const std::string& task, const std::string& data, const std::string& sites) {
    const auto view = data_block(data + "sites: " + sites + "\n", folder.path());
    const auto loaded =
        load_sites(parse_data_config(view, task_of(task)), parse_sites_config(view, names), names, Rng(1));
    return loaded[0].report.kept + loaded[1].report.kept;
  };
  for (const std::string by : {"iid", "dirichlet", "shards", "sizes"}) {
    const std::string sizes = by == "sizes" ? ", sizes: [1, 2]" : "";
    EXPECT_EQ(
        count(kChat, "format: jsonl\nprompt: q\nresponse: a\n", "{by: " + by + ", file: chats.jsonl" + sizes + "}"),
        200U);
    EXPECT_EQ(count(kTags, "format: tsv\n", "{by: " + by + ", file: words.tsv" + sizes + "}"), 200U);
  }
  EXPECT_EQ(count(kTags, "format: tsv\n", "{by: column, file: words.tsv, column: site}"), 200U);
  EXPECT_THAT(error_of([&] { count(kDocuments, "format: text\n", "{by: column, file: words.tsv, column: site}"); }),
              HasSubstr("format text has no column that could divide it"));
}

TEST(LabelTableTest, CountsWhatTheTaskHas) {
  SiteData site{"s", {}, {}};
  site.splits.train.resize(3);
  site.splits.train[0].tags = {1, 1, 0};
  site.splits.train[1].labels = {0, 2};
  EXPECT_EQ(label_table({site}, task_of(kDocuments)),
            "site  train  validation  test  total\n"
            "s         3           0     0      3\n");
  EXPECT_THAT(label_table({site}, task_of(kTags)), HasSubstr("train PER"));
  EXPECT_THAT(label_table({site}, task_of(kTags)), HasSubstr("\ns           1          2          0  "));
  EXPECT_THAT(label_table({site}, task_of(kTopics)), HasSubstr("\ns             1          0          1  "));
}

// The files that users copy.
TEST(TasksTest, ReadTheProjectsOwnFiles) {
  for (const char* name : {"dialogue", "digits", "emoji", "spam", "speeches"}) {
    const auto path = std::filesystem::path(WEFT_SOURCE_DIR) / "configs" / (std::string(name) + ".yaml");
    const YamlView root = YamlView::load(path), task = root.child("task"), data = root.child("data");
    const TaskConfig parsed = parse_task_config(task);
    EXPECT_EQ(parse_data_config(data, parsed).task.kind, parsed.kind);
    (void)parse_sites_config(data, root.texts("sites"));
    task.finish();
    data.finish();
  }
}

}  // namespace
}  // namespace weft::data
