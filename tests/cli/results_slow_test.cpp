// What a run leaves behind, and what the other commands make of it.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/cli/job_support.h"

namespace weft::cli {
namespace {

using nlohmann::json;

json evaluate(const Arguments& more) {
  Arguments arguments{"evaluate", "--json", "--threads", "1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Ended ended = weft(arguments);
  EXPECT_EQ(ended.code, 0) << ended.err;
  return json::parse(ended.out, nullptr, false);
}

class ResultsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    job_ = new Job({.rounds = 3, .local_steps = 20});
    ended_ = new Ended(
        job_->simulate("out", {"--compare", "--set", "model.dropout=0", "--set", "train.learning_rate=2e-2"}));
  }
  static void TearDownTestSuite() {
    delete job_;
    delete ended_;
  }
  void SetUp() override { ASSERT_EQ(ended_->code, 0) << ended_->out << ended_->err; }
  std::filesystem::path adapter() const { return job_->place / "out/adapter"; }
  static Job* job_;
  static Ended* ended_;
};
Job* ResultsTest::job_ = nullptr;
Ended* ResultsTest::ended_ = nullptr;

TEST_F(ResultsTest, TheFolderHoldsAllThatTheRunWas) {
  for (const char* name : {"summary.json", "config.yaml", "ledger.sqlite", "adapter/adapter_model.safetensors",
                           "adapter/adapter_config.json", "adapter/weft.json"})
    EXPECT_TRUE(std::filesystem::exists(job_->place / "out" / name)) << name;
  EXPECT_FALSE(std::filesystem::is_empty(job_->place / "out/tensorboard"));
  const json summary = job_->summary("out");
  EXPECT_EQ(summary.at("rounds").size(), 3U);
  EXPECT_EQ(summary.at("rounds")[0].at("cohort"), json(job_->sites));
  EXPECT_EQ(summary.at("seed"), 11);
  const json facts = json::parse(slurp(adapter() / "weft.json"));
  EXPECT_EQ(summary.at("adapter_sha256"), facts.at("adapter_digest"));
}

TEST_F(ResultsTest, TheComparisonScoresTheFederatedAdapterAsTheRunDid) {
  const json summary = job_->summary("out"), comparison = summary.at("comparison");
  std::vector<std::string> names;
  for (const json& row : comparison.at("rows")) names.push_back(row.at("name"));
  EXPECT_EQ(names,
            (std::vector<std::string>{"base", "alder alone", "birch alone", "cedar alone", "federated", "pooled"}));
  EXPECT_EQ(comparison.at("steps_alone"), 60);
  EXPECT_EQ(comparison.at("steps_pooled"), 180);
  const json& federated = comparison.at("rows")[4];
  for (const std::string& site : job_->sites) {
    EXPECT_EQ(federated.at("accuracy").at(site), summary.at("final").at("sites").at(site).at("accuracy")) << site;
    EXPECT_EQ(comparison.at("test_examples").at(site), summary.at("final").at("sites").at(site).at("examples"));
  }
  EXPECT_NEAR(federated.at("overall").get<double>(), summary.at("final").at("overall").at("accuracy").get<double>(),
              1e-12);
  // The task is easy: whoever trains beats who does not.
  EXPECT_GT(federated.at("overall").get<double>(), comparison.at("rows")[0].at("overall").get<double>());
  EXPECT_GT(comparison.at("rows")[5].at("overall").get<double>(), 0.8);
  for (const char* part : {"test accuracy", "alder alone", "federated", "pooled", "overall"})
    EXPECT_NE(ended_->out.find(part), std::string::npos) << part;
}

TEST_F(ResultsTest, EvaluateGivesTheTestAccuracyOfTheSummary) {
  const json summary = job_->summary("out");
  for (const std::string& site : job_->sites) {
    const json score = evaluate({adapter(), "--data", job_->data_of(site), "--split", "test"});
    const json& expected = summary.at("final").at("sites").at(site);
    EXPECT_EQ(score.at("examples"), expected.at("examples"));
    EXPECT_EQ(score.at("accuracy"), expected.at("accuracy")) << site;
    EXPECT_EQ(score.at("loss"), expected.at("loss")) << site;
    EXPECT_EQ(score.at("adapter_sha256"), summary.at("adapter_sha256"));
    std::uint64_t counted = 0;
    for (const json& row : score.at("confusion"))
      for (const json& count : row) counted += count.get<std::uint64_t>();
    EXPECT_EQ(counted, score.at("examples"));
  }
  // A site's file has the format of its data, too.
  spit(job_->place / "format.yaml",
       "data:\n  format: tsv\n  text: text\n  label: {column: label, map: {good: positive, bad: negative}}\n"
       "  split: {validation: 0.15, test: 0.2}\n");
  const Arguments by_site{adapter(), "--site", job_->place / "format.yaml", "--data", job_->data_of("alder"),
                          "--split", "test"};
  EXPECT_EQ(evaluate(by_site).at("accuracy"), summary.at("final").at("sites").at("alder").at("accuracy"));
  // The initial adapter is what the comparison calls base; the run folder stands for its adapter.
  const json base =
      evaluate({"--base", "--config", job_->run_file(), "--data", job_->data_of("alder"), "--split", "test"});
  EXPECT_EQ(base.at("accuracy"), summary.at("comparison").at("rows")[0].at("accuracy").at("alder"));
  EXPECT_NE(base.at("adapter_sha256"), summary.at("adapter_sha256"));
  const Ended text = weft({"evaluate", job_->place / "out", "--data", job_->data_of("alder")});
  for (const char* part : {"accuracy", "macro F1", "MCC", "negative", "positive", "scored "})
    EXPECT_NE(text.out.find(part), std::string::npos) << part << " in " << text.out;
}

TEST_F(ResultsTest, EvaluateSaysWhatIsMissing) {
  const std::string data = job_->data_of("alder");
  expect_one_error(weft({"evaluate", "--data", data}), 2, {"folder of an adapter or --base"});
  expect_one_error(weft({"evaluate", job_->place / "data", "--data", data}), 2, {"adapter_config.json"});
  expect_one_error(weft({"evaluate", adapter(), "--data", data + "x"}), 2, {"--data", "alder.tsvx"});
  std::filesystem::copy(adapter(), job_->place / "alone", std::filesystem::copy_options::recursive);
  expect_one_error(weft({"evaluate", job_->place / "alone", "--data", data}), 2, {"--config RUN.yaml"});
  expect_one_error(weft({"evaluate", adapter(), "--data", data, "--model", "nowhere"}), 2, {"--model", "nowhere"});
  spit(job_->place / "site.yaml", "site: alder\ncoordinator: tcp://localhost:7733\n");
  expect_one_error(weft({"evaluate", adapter(), "--data", data, "--config", job_->place / "site.yaml"}), 2,
                   {"site.yaml is a site's file", "--config RUN.yaml"});
  std::filesystem::copy(job_->model(), job_->place / "model2");
  edit(job_->place / "model2/config.json", "\"layer_norm_eps\": 1e-12", "\"layer_norm_eps\": 1e-11");
  const Arguments other{"evaluate", adapter(), "--data", data, "--model", job_->place / "model2"};
  expect_one_error(weft(other), 2, {"digest", "--model", "--force"});
  Arguments forced = other;
  forced.emplace_back("--force");
  EXPECT_EQ(weft(forced).code, 0);
}

TEST_F(ResultsTest, ExportCopiesAndMerges) {
  const std::filesystem::path copy = job_->place / "copy", merged = job_->place / "merged";
  const Ended copied = weft({"export", adapter(), "--out", copy});
  ASSERT_EQ(copied.code, 0) << copied.err;
  EXPECT_EQ(slurp(copy / "adapter_model.safetensors"), slurp(adapter() / "adapter_model.safetensors"));
  EXPECT_EQ(slurp(copy / "adapter_config.json"), slurp(adapter() / "adapter_config.json"));
  const Ended written = weft({"export", job_->place / "out", "--out", merged, "--merge"});
  ASSERT_EQ(written.code, 0) << written.err;
  EXPECT_EQ(json::parse(slurp(merged / "config.json")).at("id2label"), (json{{"0", "negative"}, {"1", "positive"}}));
  EXPECT_EQ(slurp(merged / "tokenizer.json"), slurp(job_->model() / "tokenizer.json"));
  // Neither is written over, and another base is refused.
  const auto before = tree(merged);
  expect_one_error(weft({"export", adapter(), "--out", merged, "--merge"}), 2,
                   {"merged", "not empty", "another folder"});
  expect_one_error(weft({"export", adapter(), "--out", merged}), 2, {"merged", "another folder"});
  EXPECT_EQ(tree(merged), before);
  std::filesystem::copy(job_->model(), job_->place / "model3");
  edit(job_->place / "model3/config.json", "\"layer_norm_eps\": 1e-12", "\"layer_norm_eps\": 1e-11");
  const Ended refused =
      weft({"export", adapter(), "--out", job_->place / "m3", "--merge", "--model", job_->place / "model3"});
  expect_one_error(refused, 2, {"digest", "--force"});
  EXPECT_FALSE(std::filesystem::exists(job_->place / "m3"));
}

TEST_F(ResultsTest, TornAdaptersAreRefused) {
  const std::filesystem::path torn = job_->place / "torn";
  std::filesystem::copy(job_->place / "out", torn, std::filesystem::copy_options::recursive);
  const std::filesystem::path file = torn / "adapter/adapter_model.safetensors";
  std::string bytes = slurp(file);
  bytes[bytes.size() - 2] = static_cast<char>(bytes[bytes.size() - 2] ^ 1);
  spit(file, bytes);
  expect_one_error(weft({"evaluate", torn, "--data", job_->data_of("alder")}), 2,
                   {"adapter_model.safetensors", "digest"});
  spit(file, bytes.substr(0, bytes.size() / 2));
  expect_one_error(weft({"export", torn, "--out", job_->place / "t2"}), 2, {"adapter_model.safetensors"});
}

}  // namespace
}  // namespace weft::cli
