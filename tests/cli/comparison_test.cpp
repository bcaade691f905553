// The comparison as a table and as part of the summary.
#include "cli/comparison.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/cli/weft_support.h"

namespace weft::cli {
namespace {

Comparison example() {
  return {.metric = "accuracy",
          .sites = {"north", "south"},
          .test_examples = {30, 0},
          .steps_alone = 10,
          .steps_pooled = 20,
          .rows = {{"base", {0.5, std::nan("")}, 0.5}, {"federated", {0.9, std::nan("")}, 0.9}},
          .seconds = 1.5};
}

TEST(ComparisonTest, TableMarksTheBestOfEachColumn) {
  const std::string plain = comparison_table(example()).text();
  EXPECT_EQ(plain,
            "test accuracy   north  south  overall\n"
            "-------------------------------------\n"
            "base           50.0 %      -   50.0 %\n"
            "federated      90.0 %      -   90.0 %\n");
  const std::string terminal = comparison_table(example()).text(telemetry::Table::Style::terminal);
  EXPECT_NE(terminal.find("\033[1m90.0 %\033[0m"), std::string::npos) << terminal;
  EXPECT_EQ(terminal.find("\033[1m50.0 %"), std::string::npos) << terminal;
}

TEST(ComparisonTest, JoinsTheSummaryAndKeepsTheRest) {
  const TemporaryPlace place;
  const auto file = place / "summary.json";
  spit(file, R"({"run": "tiny", "rounds": [1]})");
  add_to_summary(file, example());
  add_to_summary(file, example());  // again replaces it
  const auto json = nlohmann::ordered_json::parse(slurp(file));
  EXPECT_EQ(json.at("run"), "tiny");
  EXPECT_EQ(json.size(), 3U);
  const auto& comparison = json.at("comparison");
  EXPECT_EQ(comparison.at("rows")[1].at("accuracy").at("north"), 0.9);
  EXPECT_TRUE(comparison.at("rows")[1].at("accuracy").at("south").is_null());
  EXPECT_EQ(comparison.at("test_examples").at("south"), 0);
  spit(file, "torn");
  EXPECT_THROW(add_to_summary(file, example()), Failure);
  EXPECT_EQ(slurp(file), "torn");
}

}  // namespace
}  // namespace weft::cli
