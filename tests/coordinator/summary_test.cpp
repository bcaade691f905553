#include "coordinator/summary.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/coordinator/coordinator_support.h"

namespace weft::coordinator {
namespace {

TEST(SummaryTest, SaysAllThatTheLedgerKnows) {
  const TempFolder folder;
  Ledger ledger(folder.path() / "ledger.sqlite");
  ledger.begin({.run = "sentiment", .run_id = "id", .config_digest = "config", .seed = 7, .base_digest = "base"});
  ledger.refuse({"t", 1, {"tweets"}, "norm", "norm: got 9"});
  ledger.refuse({"t", 0, {"stranger"}, "unlisted", "not listed"});
  ledger.refuse({"t", 0, {"tweets"}, "put_aside", "too often \xff"});
  ledger.commit({.round = 1,
                 .cohort = {{"film"}, {"tweets"}},
                 .loss = 0.5,
                 .seconds = 1.5,
                 .bytes_up = 10,
                 .bytes_down = 20,
                 .adapter_digest = "v1",
                 .updates = {{{"film"}, "u", 3, {{"loss", 0.5}, {"peak_rss_bytes", 1e9}}}}},
                {});
  ledger.commit({.round = 2, .cohort = {{"film"}}, .adapter_digest = "v2"},
                {{{"film"}, 1, "validation", 30, {{{"confusion", {15, 15, 0, 0}}, {"loss", {30, 30}}}}},
                 {{"tweets"}, 1, "validation", 10, {{{"confusion", {9, 1, 0, 0}}}}}});
  ledger.finish({.best_version = 1, .reason = "all rounds are done"},
                {{{"film"}, 1, "test", 4, {{{"confusion", {1, 3, 0, 0}}}}}});
  std::string text;
  write_summary(
      ledger,
      {.versions = {{"weft", "0.1.0"}}, .metric = "loss", .adapter_sha256 = "v1", .coordinator_peak_rss_bytes = 123},
      [&](const std::string& part) { text += part; });
  const auto summary = nlohmann::ordered_json::parse(text);
  EXPECT_EQ(text, summary.dump(2) + "\n") << "as if it were written at once";
  EXPECT_EQ(summary["seed"], 7);
  EXPECT_EQ(summary["versions"]["weft"], "0.1.0");
  const auto& first = summary["rounds"][0];
  EXPECT_EQ(first["cohort"], (nlohmann::ordered_json{"film", "tweets"}));
  EXPECT_EQ(first["counted"], (nlohmann::ordered_json{"film"}));
  EXPECT_DOUBLE_EQ(first["validation"]["overall"]["accuracy"], 0.6);
  EXPECT_EQ(first["validation"]["overall"]["examples"], 40);
  EXPECT_DOUBLE_EQ(first["validation"]["overall"]["macro_f1"], 24.0 / 64)
      << "of the sum: class 0 has F1 48/64, class 1 none";
  EXPECT_EQ(summary["metric"], (nlohmann::ordered_json{{"name", "loss"}, {"better", "lower"}}));
  EXPECT_EQ(first["validation"]["overall"]["loss"], 1) << "over the sites that have it";
  EXPECT_EQ(first["validation"]["sites"]["tweets"]["accuracy"], 0.9);
  EXPECT_EQ(first["refusals"][0]["reason"], "norm: got 9");
  EXPECT_EQ(first["refusals"][0]["kind"], "norm");
  EXPECT_EQ(summary["refused"], (nlohmann::ordered_json{{"norm", 1}, {"put_aside", 1}, {"unlisted", 1}}));
  EXPECT_EQ(summary["put_aside"], (nlohmann::ordered_json{"tweets"}));
  EXPECT_EQ(first["bytes_down"], 20);
  EXPECT_TRUE(summary["rounds"][1]["validation"].is_null()) << "nobody scored it";
  EXPECT_TRUE(summary["rounds"][1]["loss"].is_null()) << "no update was counted";
  EXPECT_EQ(summary["refusals"][0]["site"], "stranger");
  EXPECT_TRUE(summary["initial"]["validation"].is_null());
  EXPECT_EQ(summary["final"]["overall"]["accuracy"], 0.25);
  EXPECT_EQ(summary["adapter_sha256"], "v1");
  EXPECT_EQ(summary["peak_rss_bytes"]["coordinator"], 123);
  EXPECT_EQ(summary["peak_rss_bytes"]["film"], 1000000000);
}

}  // namespace
}  // namespace weft::coordinator
