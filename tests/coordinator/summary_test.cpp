#include "coordinator/summary.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace weft::coordinator {
namespace {

TEST(SummaryTest, SaysAllThatTheLedgerKnows) {
  const SummaryFacts facts{
      .run = {.run = "sentiment", .run_id = "id", .config_digest = "config", .seed = 7, .base_digest = "base"},
      .versions = {{"weft", "0.1.0"}},
      .rounds = {{.round = 1,
                  .cohort = {{"film"}, {"tweets"}},
                  .loss = 0.5,
                  .seconds = 1.5,
                  .bytes_up = 10,
                  .bytes_down = 20,
                  .adapter_digest = "v1",
                  .updates = {{{"film"}, "u", 3, {{"loss", 0.5}, {"peak_rss_bytes", 1e9}}}}},
                 {.round = 2, .cohort = {{"film"}}, .adapter_digest = "v2"}},
      .scores = {{{"film"}, 1, "validation", 30, {{{"confusion", {15, 15, 0, 0}}, {"loss", {30, 30}}}}},
                 {{"tweets"}, 1, "validation", 10, {{{"confusion", {9, 1, 0, 0}}}}},
                 {{"film"}, 1, "test", 4, {{{"confusion", {1, 3, 0, 0}}}}}},
      .refusals = {{"t", 1, {"tweets"}, "norm", "norm: got 9"},
                   {"t", 0, {"stranger"}, "unlisted", "not listed"},
                   {"t", 0, {"tweets"}, "put_aside", "too often"}},
      .end = {.best_version = 1, .reason = "all rounds are done"},
      .metric = "loss",
      .adapter_sha256 = "v1",
      .coordinator_peak_rss_bytes = 123};
  const auto summary = nlohmann::json::parse(summary_json(facts));
  EXPECT_EQ(summary["seed"], 7);
  EXPECT_EQ(summary["versions"]["weft"], "0.1.0");
  const auto& first = summary["rounds"][0];
  EXPECT_EQ(first["cohort"], (nlohmann::json{"film", "tweets"}));
  EXPECT_EQ(first["counted"], (nlohmann::json{"film"}));
  EXPECT_DOUBLE_EQ(first["validation"]["overall"]["accuracy"], 0.6);
  EXPECT_EQ(first["validation"]["overall"]["examples"], 40);
  EXPECT_DOUBLE_EQ(first["validation"]["overall"]["macro_f1"], 24.0 / 64)
      << "of the sum: class 0 has F1 48/64, class 1 none";
  EXPECT_EQ(summary["metric"], (nlohmann::json{{"name", "loss"}, {"better", "lower"}}));
  EXPECT_EQ(first["validation"]["overall"]["loss"], 1) << "over the sites that have it";
  EXPECT_EQ(first["validation"]["sites"]["tweets"]["accuracy"], 0.9);
  EXPECT_EQ(first["refusals"][0]["reason"], "norm: got 9");
  EXPECT_EQ(first["refusals"][0]["kind"], "norm");
  EXPECT_EQ(summary["refused"], (nlohmann::json{{"norm", 1}, {"unlisted", 1}, {"put_aside", 1}}));
  EXPECT_EQ(summary["put_aside"], (nlohmann::json{"tweets"}));
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
