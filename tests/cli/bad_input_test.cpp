// Every mistake in a run file, model folder or data file gets one clear error with its place and a remedy, and leaves
// no trace of a run behind.
#include <gtest/gtest.h>

#include "coordinator/ledger.h"
#include "tests/cli/job_support.h"

namespace weft::cli {
namespace {

class BadInputTest : public testing::Test {
 protected:
  void expect_refused(const std::vector<std::string>& parts, const Arguments& more = {}) {
    SCOPED_TRACE(parts.front());
    expect_one_error(job_.simulate("out", more), 2, parts);
    EXPECT_FALSE(std::filesystem::exists(job_.place / "out")) << "something was written";
  }
  // Undoes what a case has changed.
  void mend(const std::filesystem::path& file, const std::string& content) { spit(file, content); }
  Job job_;
};

TEST_F(BadInputTest, RunFile) {
  const std::string good = slurp(job_.run_file());
  edit(job_.run_file(), "local_steps:", "local_stepps:");
  expect_refused({"run.yaml:", "train.local_stepps", "local_steps"});
  mend(job_.run_file(), good);
  edit(job_.run_file(), "seed: 11", "seed: eleven");
  expect_refused({"run.yaml:2", "seed", "eleven", "whole number"});
  mend(job_.run_file(), good);
  edit(job_.run_file(), "  path: model", "  path: mdoel");
  expect_refused({"model.path", "mdoel", "Hugging Face folder"});
  mend(job_.run_file(), good);
  expect_refused({"task.max_tokens", "41", "40 positions"}, {"--set", "task.max_tokens=41"});
  expect_refused({"adapter.target_modules", "quary"}, {"--set", "adapter.target_modules=[quary]"});
  expect_refused({"device", "cuda:9x"}, {"--set", "device=cuda:9x"});
  std::filesystem::remove(job_.run_file());
  expect_refused({"run.yaml", "No such file"});
}

TEST_F(BadInputTest, ModelFolder) {
  const std::filesystem::path weights = job_.model() / "model.safetensors", config = job_.model() / "config.json";
  const std::string good_weights = slurp(weights), good_config = slurp(config);
  spit(weights, good_weights.substr(0, good_weights.size() / 2));  // a torn download
  expect_refused({"model.safetensors"});
  std::string lying = good_weights;
  lying[6] = '\x7f';  // the header claims 127 * 2^48 bytes
  spit(weights, lying);
  expect_refused({"model.safetensors", "header"});
  spit(weights, good_weights);
  edit(config, "\"hidden_size\": 16", "\"hidden_size\": 64");
  expect_refused({"config.json", "word_embeddings"});
  spit(config, good_config);
  edit(config, "\"model_type\": \"bert\"", "\"model_type\": \"burt\"");
  expect_refused({"config.json", "burt", "bert"});
  spit(config, good_config);
  std::filesystem::remove(job_.model() / "tokenizer.json");
  expect_refused({"tokenizer.json", "No such file"});
  spit(job_.model() / "vocab.txt", "[UNK]\n");
  expect_refused({"vocab.txt and no tokenizer.json", "save_pretrained"});
}

TEST_F(BadInputTest, DataFiles) {
  const std::filesystem::path file = job_.data_of("birch");
  const std::string good = slurp(file);
  spit(file, good + "good\n");
  expect_refused({"birch.tsv:122", "column"});
  spit(file, good + "middling\tthe film was long\n");
  expect_refused({"birch.tsv:122", "middling", "unmapped"});
  spit(file, "label\ttext\n");
  expect_refused({"birch", "no example", "holds no row"});
  spit(file, "sign\ttext\ngood\tthe film\n");
  expect_refused({"birch.tsv", "label", "sign", "data.label.column"});
  std::filesystem::remove(file);
  expect_refused({"birch.tsv", "No such file"});
}

TEST_F(BadInputTest, AFolderOfAnotherRunIsLeftAlone) {
  ASSERT_EQ(job_.simulate("out", {"--set", "rounds.count=1"}).code, 0);
  const auto before = tree(job_.place / "out");
  const auto refused = [&](const Arguments& more, const std::vector<std::string>& parts) {
    expect_one_error(job_.simulate("out", more), 2, parts);
    EXPECT_EQ(tree(job_.place / "out"), before);
  };
  refused({"--set", "run=other"}, {"tiny", "another folder"});
  refused({"--set", "rounds.count=1"}, {"already holds run \"tiny\"", "--resume"});
  refused({"--set", "rounds.count=1", "--set", "seed=12", "--set", "train.batch_size=4", "--resume"},
          {"config.yaml", "seed: 11 there, 12 now", "train.batch_size: 8 there, 4 now"});
  refused({"--set", "seed=12", "--resume"}, {"rounds.count: 1 there, 2 now"});
  std::filesystem::remove(job_.data_of("alder"));
  refused({}, {"already holds run \"tiny\""});  // said before the data is read
}

TEST_F(BadInputTest, ALaunchThatDiedBeforeItsRunBeganDoesNotBlockTheNext) {
  std::filesystem::create_directories(job_.place / "out");
  { const coordinator::Ledger tables_and_no_run(job_.place / "out/ledger.sqlite"); }
  EXPECT_EQ(job_.simulate("out", {"--set", "rounds.count=1", "--processes"}).code, 0);
}

// As a supervisor starts it, whatever happened before.
TEST_F(BadInputTest, ResumeBeginsARunWhereThereIsNone) {
  const Ended ended = job_.simulate("out", {"--set", "rounds.count=1", "--resume"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_NE(ended.err.find("held no run yet"), std::string::npos) << ended.err << ended.out;
}

}  // namespace
}  // namespace weft::cli
