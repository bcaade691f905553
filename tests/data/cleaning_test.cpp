// What cleaning keeps, drops, counts and refuses; and the split by hash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "common/data/jsonl_writer.h"
#include "tests/data/data_support.h"

namespace weft::data {
namespace {

using testing::HasSubstr;

constexpr const char* kTsv = "format: tsv\ncolumns: [label, text]\n";

struct Cleaned {
  std::vector<Record> records;
  CleaningReport report;
};

Cleaned clean(const DataConfig& config, const std::string& content) {
  Cleaner cleaner(config);
  cleaner.add_text(content, "f.tsv");
  return {cleaner.take(), cleaner.report()};
}

Example numbered(int i) { return {"text number " + std::to_string(i), "", i % 2}; }

std::vector<Example> many(int count) {
  std::vector<Example> examples;
  for (int i = 0; i < count; ++i) examples.push_back(numbered(i));
  return examples;
}

TEST(CleanerTest, CountsEachKindOfWhatItDrops) {
  auto config = config_of(std::string(kTsv) + "max_characters: 4\nlabel: {unmapped: drop}\n");
  const auto [records, report] = clean(config,
                                       "positive\t one \nnegative\tzwei\n"
                                       "positive\t  \n"                         // empty
                                       "positive\tone\nnegative\t one\n"        // duplicates, whatever their label
                                       "positive\tfünff\n"                      // too long
                                       "positive\tfünf\n"                       // four characters in five bytes
                                       "neutral\tthr\nneutral\tfou\n\tfiv\n");  // unmapped
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0].example, (Example{"one", "", 1}));
  EXPECT_EQ(records[1].example, (Example{"zwei", "", 0}));
  EXPECT_EQ(records[2].example, (Example{"fünf", "", 1}));
  EXPECT_EQ(report.summary(), "read 10, kept 3, dropped 1 empty, 2 duplicate, 1 too long, 3 with an unmapped label");
  EXPECT_EQ(report.read, report.kept + report.empty + report.duplicate + report.too_long + report.unmapped);
  EXPECT_EQ(CleaningReport{}.summary(), "read 0, kept 0, nothing dropped");
}

TEST(CleanerTest, NoLimitWhenMaxCharactersIsZero) {
  const auto config = config_of(std::string(kTsv) + "max_characters: 0\n");
  EXPECT_EQ(clean(config, "positive\t" + std::string(200'000, 'x') + "\n").report.kept, 1U);
  EXPECT_EQ(clean(config_of(kTsv), "positive\t" + std::string(100'001, 'x') + "\n").report.too_long, 1U);
}

TEST(CleanerTest, AnUnmappedLabelIsAnErrorAtItsLineByDefault) {
  const auto config = config_of(kTsv);
  EXPECT_EQ(error_of([&] { clean(config, "positive\tx\n\nneutral\ty\n"); }),
            "f.tsv:3: label \"neutral\" in column \"label\" is not mapped: expected \"negative\", \"positive\"; add it "
            "to data.label.map or "
            "data.label.ranges, or set data.label.unmapped: drop");
  // A whole text in the label's place is not told, and is cut between characters.
  const std::string error = error_of([&] { clean(config, std::string(39, 'x') + "é and so on\ty\n"); });
  EXPECT_THAT(error, HasSubstr("label \"" + std::string(39, 'x') + "...\" in"));
}

TEST(CleanerTest, PairsAreComparedAndCheckedTogether) {
  const auto config = config_of("format: csv\ntext_pair: other\nmax_characters: 3\n");
  const auto [records, report] = clean(config,
                                       "text,other,label\n"
                                       "a,b,positive\na,c,positive\nab,,positive\n,ab,positive\na,bcde,positive\n"
                                       "a,bc,positive\nab,c,positive\na, b ,negative\n");
  ASSERT_EQ(records.size(), 4U);  // "a"+"bc" and "ab"+"c" are not copies of each other
  EXPECT_EQ(records[0].example, (Example{"a", "b", 1}));
  EXPECT_EQ(report.summary(), "read 8, kept 4, dropped 2 empty, 1 duplicate, 1 too long");
}

TEST(CleanerTest, CopiesAreFoundAcrossFiles) {
  const ScratchFolder folder;
  folder.write("a.tsv", "positive\tone\n");
  folder.write("b.tsv", "positive\tone\npositive\ttwo\n");
  const auto config =
      config_of(std::string(kTsv) + "split: {validation: 0, test: 0}\nfiles: [a.tsv, b.tsv]\n", folder.path());
  const SiteData site = load_site(config, "s");
  EXPECT_EQ(site.splits.train.size(), 2U);
  EXPECT_EQ(site.report.duplicate, 1U);
}

TEST(CleanerTest, SaysWhatIsWrongWithFilesAndSites) {
  EXPECT_THAT(error_of([] { load_site(config_of(std::string(kTsv) + "file: /no/such.tsv\n"), "s"); }),
              HasSubstr("/no/such.tsv"));
  EXPECT_THAT(error_of([] { load_site(config_of(kTsv), "s"); }), HasSubstr("site \"s\": data.file"));
  const ScratchFolder folder;
  folder.write("a.tsv", "positive\t \nnone\tx\n");
  EXPECT_THAT(error_of([&] {
                load_site(config_of(std::string(kTsv) + "label: {unmapped: drop}\nfile: a.tsv\n", folder.path()), "s");
              }),
              HasSubstr("site \"s\" has no example to train on (read 2, kept 0, dropped 1 empty, 1 with an unmapped "
                        "label)"));
}

TEST(SplitTest, NoExampleMovesWhenOthersComeOrGo) {
  const Splits all = split(many(2000), 0.1, 0.2);
  std::vector<Example> fewer;
  for (int i = 0; i < 2000; i += 3) fewer.push_back(numbered(i));
  const Splits part = split(fewer, 0.1, 0.2);
  const auto texts = [](const std::vector<Example>& examples) {
    std::set<std::string> out;
    for (const auto& example : examples) out.insert(example.text);
    return out;
  };
  for (const auto& [small, large] :
       {std::pair{&part.train, &all.train}, {&part.validation, &all.validation}, {&part.test, &all.test}}) {
    const auto whole = texts(*large);
    for (const auto& text : texts(*small)) EXPECT_EQ(whole.count(text), 1U) << text;
  }
  EXPECT_EQ(part.train.size() + part.validation.size() + part.test.size(), fewer.size());
}

TEST(SplitTest, ProportionsAreNear) {
  const Splits splits = split(many(20'000), 0.1, 0.2);
  // Four standard deviations of a binomial.
  EXPECT_NEAR(static_cast<double>(splits.validation.size()), 2000, 4 * 42.4);
  EXPECT_NEAR(static_cast<double>(splits.test.size()), 4000, 4 * 56.6);
  EXPECT_TRUE(split(many(500), 0, 0).validation.empty());
  EXPECT_EQ(split(many(500), 0, 0).train.size(), 500U);
}

TEST(SplitTest, TextAndPairDecideAndTheLabelDoesNot) {
  int moved = 0;
  for (int i = 0; i < 200; ++i) {
    Example example = numbered(i);
    const Split before = split_of(example, 0.3, 0.3);
    example.label = 1 - example.label;
    EXPECT_EQ(split_of(example, 0.3, 0.3), before);
    example.text_pair = "pair";
    moved += split_of(example, 0.3, 0.3) != before ? 1 : 0;
  }
  EXPECT_GT(moved, 50);
}

// If these change, every user's test split leaks into training. In Python: the first 13 hexadecimal digits of
// sha256(f"{len(text)}:{text}"), over 2 ** 52, below 0.25 (v), below 0.5 (e), or not (t).
TEST(SplitTest, GoldenPlaces) {
  std::string places;
  for (int i = 0; i < 24; ++i) {
    const Split place = split_of(numbered(i), 0.25, 0.25);
    places += place == Split::train ? 't' : place == Split::validation ? 'v' : 'e';
  }
  EXPECT_EQ(places, "tetetettvvvttvtttvvtvtev");
}

TEST(JsonlWriterTest, ReadsBackToTheSameSplitsInTheSameOrder) {
  Splits splits = split(many(300), 0.1, 0.2);
  splits.train[0].text = "quotes \" and \\ and\nlines \t é \xF0\x9F\x98\x80";
  splits = split(
      [&] {
        std::vector<Example> all = splits.train;
        all.insert(all.end(), splits.validation.begin(), splits.validation.end());
        all.insert(all.end(), splits.test.begin(), splits.test.end());
        return all;
      }(),
      0.1, 0.2);
  const ScratchFolder folder;
  const auto config = config_of("format: tsv\nsplit: {validation: 0.1, test: 0.2}\nmax_characters: 99\n");
  write_jsonl(folder.path() / "a b.jsonl", splits, kSentiment);
  const auto block = data_block(jsonl_data_block(config, folder.path() / "a b.jsonl"), "/elsewhere");
  const DataConfig again = parse_data_config(block, kSentiment);
  block.finish();
  EXPECT_EQ(again.max_characters, 99U);
  EXPECT_EQ(load_site(again, "s").splits, splits);
}

TEST(JsonlWriterTest, KeepsPairs) {
  const Splits splits{.train = {{"a", "b", 1}, {"c", "d", 0}}};
  const ScratchFolder folder;
  auto config = config_of("format: csv\ntext_pair: p\nsplit: {validation: 0, test: 0}\n");
  write_jsonl(folder.path() / "x.jsonl", splits, kSentiment);
  EXPECT_EQ(read_text(folder.path() / "x.jsonl").value(),
            "{\"text\":\"a\",\"text_pair\":\"b\",\"label\":\"positive\"}\n"
            "{\"text\":\"c\",\"text_pair\":\"d\",\"label\":\"negative\"}\n");
  const auto again = config_of(jsonl_data_block(config, folder.path() / "x.jsonl"));
  EXPECT_EQ(load_site(again, "s").splits, splits);
}

}  // namespace
}  // namespace weft::data
