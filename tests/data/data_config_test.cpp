// The `data:` block and the mapping of labels.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/data/partition.h"
#include "tests/data/data_support.h"

namespace weft::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::optional<std::int32_t> label(const std::string& rule, const std::string& cell) {
  return config_of("format: tsv\nlabel: " + rule + "\n").label.label_of(cell);
}

std::string refused(const std::string& rest) {
  return error_of([&] { config_of("format: tsv\n" + rest + "\n"); });
}

TEST(DataConfigTest, ReadsEveryKey) {
  const auto view = data_block(
      "format: csv\ncolumns: [id, q, s, t]\ntext: q\ntext_pair: t\nmax_characters: 7\n"
      "label: {column: s, map: {good: positive}, unmapped: drop}\nsplit: {validation: 0.25, test: 0}\n"
      "files: [x.csv, /y.csv]\n");
  const DataConfig config = parse_data_config(view, kSentiment);
  view.finish();
  EXPECT_EQ(config.format, Format::csv);
  EXPECT_THAT(config.columns, ElementsAre("id", "q", "s", "t"));
  EXPECT_EQ(config.text_column, "q");
  EXPECT_EQ(config.pair_column, "t");
  EXPECT_EQ(config.label.column, "s");
  EXPECT_TRUE(config.label.drop_unmapped);
  EXPECT_EQ(config.max_characters, 7U);
  EXPECT_EQ(config.validation, 0.25);
  EXPECT_EQ(config.test, 0);
  EXPECT_THAT(config.files, ElementsAre("/base/x.csv", "/y.csv"));
  EXPECT_THAT(config_of("format: tsv\nfile: x\n").files, ElementsAre("/base/x"));
}

TEST(DataConfigTest, LabelsAreTheirOwnNamesUnlessMapped) {
  EXPECT_EQ(label("{}", " positive "), 1);
  EXPECT_EQ(label("{}", "Positive"), std::nullopt);
  EXPECT_EQ(label("{map: {1: positive, 0: negative, -1: negative}}", "-1"), 0);
  EXPECT_EQ(label("{map: {1: positive}}", "positive"), std::nullopt);
}

TEST(DataConfigTest, RangesExcludeTheirBounds) {
  const std::string rule = "{ranges: {negative: {below: -0.2}, positive: {above: 0.2, below: 4}}}";
  EXPECT_EQ(label(rule, "-0.21"), 0);
  EXPECT_EQ(label(rule, "-0.2"), std::nullopt);
  EXPECT_EQ(label(rule, "0.2"), std::nullopt);
  EXPECT_EQ(label(rule, "+0.3"), 1);
  EXPECT_EQ(label(rule, " 3e0 "), 1);
  EXPECT_EQ(label(rule, "4"), std::nullopt);
  for (const char* cell : {"", "x", "1x", "nan", "inf", "--1", "+-1", "positive"})
    EXPECT_EQ(label(rule, cell), std::nullopt) << cell;
}

TEST(DataConfigTest, RefusesNonsense) {
  EXPECT_THAT(refused("label: {map: {x: good}}"), HasSubstr("run.yaml:2: label.map.x: got the label \"good\", "
                                                            "expected one of task.labels: negative, positive"));
  EXPECT_THAT(refused("label: {ranges: {good: {above: 1}}}"), HasSubstr("got the label \"good\""));
  EXPECT_THAT(refused("label: {ranges: {positive: {}}}"), HasSubstr("expected {above: A}, {below: B} or both"));
  EXPECT_THAT(refused("label: {ranges: {positive: {above: 1, below: 1}}}"), HasSubstr("no value is in the range"));
  EXPECT_THAT(refused("label: {ranges: {positive: {above: 0}, negative: {below: 0.1}}}"),
              HasSubstr("negative: overlaps the range of \"positive\""));
  EXPECT_THAT(refused("label: {map: {x: positive}, ranges: {}}"), HasSubstr("expected only one of them"));
  EXPECT_THAT(refused("label: {map: {}}"), HasSubstr("label.map: is empty"));
  EXPECT_THAT(refused("split: {validation: 0.5, test: 0.5}"), HasSubstr("nothing to train on"));
  EXPECT_THAT(refused("split: {test: -0.1}"), HasSubstr("split.test: got \"-0.1\", expected a number"));
  EXPECT_THAT(refused("max_characters: -1"), HasSubstr("max_characters"));
  EXPECT_THAT(error_of([] { config_of("format: xml\n"); }), HasSubstr("tsv, csv"));
}

std::string refused_without_task(const std::string& yaml, const std::filesystem::path& folder = "/base") {
  return error_of([&] { check_data_block(data_block(yaml, folder)); });
}

TEST(DataConfigTest, IsCheckedAsFarAsItGoesBeforeTheTaskIsKnown) {
  const ScratchFolder folder;
  folder.write("x", "");
  const std::string file = "\nfile: x\n";
  for (const char* block :
       {"format: tsv\nlabel: {column: c, ranges: {low: {below: 0}, high: {above: 0}}, unmapped: drop}",
        "format: jsonl\nmessages: m", "format: csv\nprompt: p\nresponse: r\ncolumns: [p, r]",
        "format: text\ndocuments: lines", "format: conll\nwords: w\ntags: t\nlabel: {map: {B-X: x}}",
        "format: tsv\nimage: i\ntext: t\ntext_pair: u\nlabel: {separator: ;}",
        "format: pixels\npixels: {width: 2, height: 3, white: 1, label: first}",
        "format: image_folder\nmax_characters: 3\nsplit: {validation: 0, test: 0.5}"})
    EXPECT_EQ(refused_without_task(block + file, folder.path()), "") << block;
  EXPECT_THAT(refused_without_task("format: tsv\nmesages: m" + file), HasSubstr("did you mean \"messages\"?"));
  EXPECT_THAT(refused_without_task("format: tsv\nlabel: {colum: m}" + file), HasSubstr("did you mean \"column\"?"));
  EXPECT_THAT(refused_without_task("format: xls" + file), HasSubstr("image_folder"));
  EXPECT_THAT(refused_without_task("format: tsv\nsplit: {test: 1}" + file), HasSubstr("split.test"));
  EXPECT_THAT(refused_without_task("format: tsv"), HasSubstr("file: missing"));
  EXPECT_THAT(refused_without_task("format: tsv" + file), HasSubstr("there is no file /base/x"));
  folder.write("a-images-idx3-ubyte", "");
  EXPECT_THAT(refused_without_task("format: idx\nfile: a-images-idx3-ubyte\n", folder.path()),
              HasSubstr("a-labels-idx1-ubyte"));
}

// The files that users copy: each data block reads, and no key of it is unknown.
TEST(DataConfigTest, ReadsTheProjectsOwnFiles) {
  const std::filesystem::path root = WEFT_SOURCE_DIR;
  for (const char* name : {"examples/site.yaml", "configs/sentiment.yaml", "configs/sentiment_full.yaml"}) {
    const YamlView data = YamlView::load(root / name).child("data");
    const DataConfig config = parse_data_config(data, kSentiment);
    if (data.has("sites")) {
      const auto sites = YamlView::load(root / name).texts("sites");
      EXPECT_EQ(parse_sites_config(data, sites).files_of_site.size(), sites.size()) << name;
    } else {
      EXPECT_EQ(config.files.size(), 1U) << name;
    }
    data.finish();
  }
}

}  // namespace
}  // namespace weft::data
