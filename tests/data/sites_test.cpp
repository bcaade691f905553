// The `sites:` block: sites by file, by column and by division of one pool, and the table of their labels.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "common/data/partition.h"
#include "tests/data/data_support.h"

namespace weft::data {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const std::vector<std::string> kSites{"north", "south"};
const std::string kHead = "format: csv\nsplit: {validation: 0.2, test: 0.2}\n";

std::string csv(const std::string& prefix, int count, const std::string& domain = "d") {
  std::string out = "text,label,domain\n";
  for (int i = 0; i < count; ++i)
    out += prefix + std::to_string(i) + "," + kLabels[i % 3 == 0 ? 0 : 1] + "," + domain + "\n";
  return out;
}

class SitesTest : public testing::Test {
 protected:
  std::vector<SiteData> load(const std::string& sites, std::uint64_t seed = 1) const {
    const auto block = data_block(kHead + "sites: " + sites + "\n", folder_.path());
    const DataConfig config = parse_data_config(block, kSentiment);
    const SitesConfig division = parse_sites_config(block, kSites);
    block.finish();
    return load_sites(config, division, kSites, Rng(seed));
  }
  std::string refused(const std::string& sites) const {
    return error_of([&] { load(sites); });
  }
  static std::vector<std::string> texts_of(const SiteData& site) {
    std::vector<std::string> out;
    for (const auto* split : {&site.splits.train, &site.splits.validation, &site.splits.test})
      for (const auto& example : *split) out.push_back(example.text);
    return out;
  }
  ScratchFolder folder_;
};

TEST_F(SitesTest, ByFile) {
  folder_.write("n.csv", csv("n", 50));
  folder_.write("s1.csv", csv("s", 30));
  folder_.write("s2.csv", csv("s", 40));
  const auto sites = load("{by: file, files: {south: [s1.csv, s2.csv], north: n.csv}}");
  ASSERT_EQ(sites.size(), 2U);
  EXPECT_EQ(sites[0].name, "north");
  EXPECT_EQ(texts_of(sites[0]).size(), 50U);
  EXPECT_EQ(sites[1].report.summary(), "read 70, kept 40, dropped 30 duplicate");
  for (const auto& text : texts_of(sites[1])) EXPECT_THAT(text, StartsWith("s"));
}

TEST_F(SitesTest, CopiesAtTwoSitesAreInTheSameSplit) {
  folder_.write("a.csv", csv("x", 200));
  folder_.write("b.csv", csv("x", 100));
  const auto sites = load("{by: file, files: {north: a.csv, south: b.csv}}");
  std::set<std::string> north;
  for (const auto& example : sites[0].splits.test) north.insert(example.text);
  ASSERT_FALSE(sites[1].splits.test.empty());
  for (const auto& example : sites[1].splits.test) EXPECT_EQ(north.count(example.text), 1U);
  for (const auto& example : sites[1].splits.train) EXPECT_EQ(north.count(example.text), 0U);
}

TEST_F(SitesTest, ByColumnWithSeveralValuesASite) {
  std::string content = csv("a", 20, "north");
  for (const char* value : {"x", "y"}) content += csv("a", 20, value).substr(csv("", 0).size());
  folder_.write("all.csv", content);
  const auto sites = load("{by: column, file: all.csv, column: domain, names: {x: south, y: south}}");
  EXPECT_EQ(sites[0].report.summary(), "read 20, kept 20, nothing dropped");
  // The same texts stand at both sites: only copies within a site are dropped.
  EXPECT_EQ(sites[1].report.summary(), "read 40, kept 20, dropped 20 duplicate");
}

TEST_F(SitesTest, AValueThatNamesNoSiteIsAnErrorOrDropped) {
  folder_.write("all.csv", csv("a", 20, "north") + "b1,positive,west\nb2,positive,south\nb4,positive,south\n");
  EXPECT_THAT(refused("{by: column, file: all.csv, column: domain}"),
              HasSubstr("all.csv:22: \"west\" in column \"domain\" names no site of the run; add it to "
                        "data.sites.names, or set data.sites.others: drop"));
  const auto sites = load("{by: column, file: all.csv, column: domain, others: drop}");
  EXPECT_EQ(sites[1].report.summary(), "read 2, kept 2, nothing dropped");
}

TEST_F(SitesTest, EveryDivisionDealsThePoolOnce) {
  folder_.write("all.csv", csv("t", 300) + "t0,positive,d\n ,positive,d\n");
  for (const char* sites :
       {"{by: iid, file: all.csv}", "{by: dirichlet, file: all.csv, alpha: 1}",
        "{by: shards, files: [all.csv], shards_per_site: 3}", "{by: sizes, file: all.csv, sizes: [3, 1]}"}) {
    const auto loaded = load(sites);
    std::multiset<std::string> all;
    CleaningReport total;
    for (const auto& site : loaded) {
      const auto texts = texts_of(site);
      all.insert(texts.begin(), texts.end());
      total += site.report;
      EXPECT_EQ(site.report.kept, texts.size());
    }
    EXPECT_EQ(all.size(), 300U) << sites;
    EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), 300U) << sites;
    EXPECT_EQ(total.summary(), "read 302, kept 300, dropped 1 empty, 1 duplicate") << sites;
    EXPECT_EQ(texts_of(load(sites)[0]), texts_of(loaded[0]));
    EXPECT_NE(texts_of(load(sites, 2)[0]), texts_of(loaded[0])) << sites;
  }
  EXPECT_EQ(load("{by: sizes, file: all.csv, sizes: [3, 1]}")[0].report.kept, 225U);
}

TEST_F(SitesTest, AnEmptySiteIsNamed) {
  folder_.write("n.csv", csv("n", 50));
  folder_.write("none.csv", csv("", 0));
  EXPECT_THAT(refused("{by: file, files: {north: n.csv, south: none.csv}}"),
              HasSubstr("site \"south\" has no example to train on (read 0, kept 0, nothing dropped)"));
  folder_.write("all.csv", csv("a", 20, "north"));
  EXPECT_THAT(refused("{by: column, file: all.csv, column: domain}"), HasSubstr("site \"south\" has no example"));
  folder_.write("one.csv", csv("a", 1));
  EXPECT_THAT(refused("{by: iid, file: one.csv}"), HasSubstr("has no example to train on"));
}

TEST_F(SitesTest, RefusesNonsense) {
  folder_.write("n.csv", csv("n", 50));
  EXPECT_THAT(refused("{by: file, files: {north: n.csv}}"), HasSubstr("no file for the site \"south\""));
  EXPECT_THAT(refused("{by: file, files: {north: n.csv, south: n.csv, west: n.csv}}"),
              HasSubstr("sites.files.west: is not among the sites of the run: north, south"));
  EXPECT_THAT(refused("{by: iid}"), HasSubstr("file or files is missing"));
  EXPECT_THAT(refused("{by: iid, file: n.csv, alpha: 1}"), HasSubstr("alpha: unknown key"));
  EXPECT_THAT(refused("{by: dirichlet, file: n.csv, alpha: 0}"), HasSubstr("sites.alpha"));
  EXPECT_THAT(refused("{by: shards, file: n.csv, shards_per_site: 0}"), HasSubstr("sites.shards_per_site"));
  EXPECT_THAT(refused("{by: sizes, file: n.csv, sizes: [1]}"),
              HasSubstr("got 1 sizes, expected one for each of the 2"));
  EXPECT_THAT(refused("{by: sizes, file: n.csv, sizes: [1, 0]}"), HasSubstr("expected numbers > 0"));
  EXPECT_THAT(refused("{by: column, file: n.csv, column: nowhere}"), HasSubstr("n.csv:1: no column \"nowhere\""));
  EXPECT_THAT(refused("{by: column, file: n.csv, column: domain, names: {d: west}}"),
              HasSubstr("\"west\" is not among"));
  EXPECT_THAT(refused("{by: file, files: {north: n.csv, south: n.csv}}\nfile: n.csv"),
              HasSubstr("file: given beside sites"));
}

TEST(LabelTableTest, CountsEachLabelOfEachSplit) {
  SiteData north{"nørth", {}, {}};
  north.splits.train = {{"a", "", 1}, {"b", "", 1}, {"c", "", 0}};
  north.splits.test = {{"d", "", 0}};
  SiteData south{"s", {.train = std::vector<Example>(1200, Example{"e", "", 0})}, {}};
  EXPECT_EQ(label_table({north, south}, TaskConfig{.labels = {"neg", "pos"}}),
            "site   train neg  train pos  validation neg  validation pos  test neg  test pos  total\n"
            "nørth          1          2               0               0         1         0      4\n"
            "s           1200          0               0               0         0         0   1200\n");
}

}  // namespace
}  // namespace weft::data
