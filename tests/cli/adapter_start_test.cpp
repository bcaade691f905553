// Runs that go on from an adapter on disk.
#include "cli/adapter_start.h"

#include <gtest/gtest.h>

#include "cli/run_file.h"
#include "tests/cli/job_support.h"

namespace weft::cli {
namespace {

using checkpoint::PeftFolder;

constexpr const char* kBlock =
    "adapter:\n  method: lora\n  rank: 4\n  alpha: 16\n  dropout: 0.05\n"
    "  target_modules: [query, value]\n  modules_to_save: [classifier]\n";

class AdapterStartTest : public testing::Test {
 protected:
  static constexpr JobSize kSize{.rounds = 1, .local_steps = 2};

  void put_block(const std::string& block) { edit(job_.run_file(), kBlock, "adapter: " + block + "\n"); }
  PeftFolder adapter_of(const std::string& out) const {
    return checkpoint::read_peft_folder(job_.place / (out + "/adapter")).value();
  }

  Job job_{kSize};
};

TEST_F(AdapterStartTest, TrainsOnAndComesBack) {
  ASSERT_EQ(job_.simulate("first").code, 0);
  put_block("{start: first/adapter}");
  for (const Arguments& more : {Arguments{}, Arguments{"--processes"}}) {
    const std::string out = more.empty() ? "second" : "third";
    const Ended ended = job_.simulate(out, more);
    ASSERT_EQ(ended.code, 0) << ended.out << ended.err;
    const nlohmann::json summary = job_.summary(out);
    EXPECT_EQ(summary.at("initial").at("adapter_digest"), adapter_of("first").state.digest());
    EXPECT_NE(summary.at("rounds").at(0).at("adapter_digest"), adapter_of("first").state.digest());
    EXPECT_EQ(adapter_of(out).config.adapter, adapter_of("first").config.adapter);
  }
  // The sites' processes, which learn of no folder, did the same.
  EXPECT_EQ(job_.adapter_sha256("third"), job_.adapter_sha256("second"));
  const RunFile run = RunFile::load(job_.place / "second/config.yaml", {});
  EXPECT_EQ(run.settings_text.find("start"), std::string::npos);
  EXPECT_EQ(Settings::parse(YamlView::parse(run.settings_text, "settings")).adapter,
            adapter_of("first").config.adapter);
}

TEST_F(AdapterStartTest, BringsEverySettingToTheSites) {
  const std::filesystem::path folder =
      std::filesystem::path(WEFT_SOURCE_DIR) / "tests/fixtures/models/bert_tiny_adapter";
  std::filesystem::create_directories(job_.place / "peft");
  spit(job_.place / "peft/adapter_model.safetensors", slurp(folder / "adapter_model.safetensors"));
  nlohmann::json config = nlohmann::json::parse(slurp(folder / "adapter_config.json"));
  config["lora_alpha"] = 2.5;
  config["lora_dropout"] = 0.125;
  config["use_rslora"] = true;
  config["init_lora_weights"] = "orthogonal";
  config["exclude_modules"] = R"(.*layer\.[03]\..*)";
  config["layers_to_transform"] = {1, 2};
  config["layers_pattern"] = "layer";
  config["alpha_pattern"] = {{R"(layer\.1\..*\"query)", 3.5}, {"value", 7}};
  spit(job_.place / "peft/adapter_config.json", config.dump());
  put_block("{start: peft}");
  const RunFile run = RunFile::load(job_.run_file(), {});
  const AdapterConfig expected = checkpoint::read_peft_folder(job_.place / "peft").value().config.adapter;
  EXPECT_EQ(run.settings.adapter, expected);
  EXPECT_EQ(Settings::parse(YamlView::parse(run.settings_text, "settings")).adapter, expected);
}

TEST_F(AdapterStartTest, OtherKeysOfTheBlockMayOnlyRepeatTheFolder) {
  ASSERT_EQ(job_.simulate("first").code, 0);
  put_block("{start: first, method: lora, rank: 4, target_modules: [query, value]}");
  EXPECT_EQ(RunFile::load(job_.run_file(), {}).settings.adapter, adapter_of("first").config.adapter);
  const auto says = [&](const std::string& override, const std::vector<std::string>& parts) {
    SCOPED_TRACE(override);
    expect_one_error(job_.simulate("second", {"--set", override}), 2, parts);
  };
  says("adapter.rank=5", {"adapter.rank", "adapter_config.json says 4", "remove the key"});
  says("adapter.method=full", {"adapter.method", "says \"lora\""});
  says("adapter.target_modules=[query]", {"adapter.target_modules", "[\"query\",\"value\"]"});
  says("adapter.feedforward_modules=[query]", {"adapter.feedforward_modules", "method is lora", "remove it"});
  says("adapter.start=" + (job_.place / "data").string(), {"adapter_config.json", "data"});
  says("task.labels=[negative, positive, neutral]", {"adapter.start", "does not fit", "labels"});
  says("task.labels=[positive, negative]", {"adapter.start", "[negative, positive]", "the adapter's order"});
  edit(job_.run_file(), "{start: first, method: lora, rank: 4, target_modules: [query, value]}", "{start: first}");
  edit(job_.place / "first/adapter/adapter_config.json", "\"query\"", "\"q_proj\"");
  says("seed=12", {"first/adapter/adapter_config.json: target_modules", "q_proj", "end in dense, key, query, value"});
  edit(job_.place / "first/adapter/adapter_config.json", "\"q_proj\"", "\"query\"");
  edit(job_.model() / "config.json", "\"layer_norm_eps\": 1e-12", "\"layer_norm_eps\": 1e-11");
  says("seed=12", {"adapter.start", "base model", "digest", "model.path"});
}

}  // namespace
}  // namespace weft::cli
