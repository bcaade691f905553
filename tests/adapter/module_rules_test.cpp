// PEFT's rules of names, on the names of real models.
#include "common/adapter/module_rules.h"

#include <gtest/gtest.h>

#include <cmath>

namespace weft {
namespace {

const std::string kQuery = "bert.encoder.layer.1.attention.self.query";
const std::string kOut = "bert.encoder.layer.1.attention.output.dense";

AdapterConfig names(std::vector<std::string> names) { return {.target_modules = {.names = std::move(names)}}; }
AdapterConfig pattern(const std::string& pattern) { return {.target_modules = {.names = {}, .pattern = pattern}}; }

TEST(IsTargetTest, NamesAreWholeOrFollowADot) {
  EXPECT_TRUE(is_target(names({"query"}), kQuery));
  EXPECT_TRUE(is_target(names({"attention.output.dense"}), kOut));
  EXPECT_TRUE(is_target(names({kOut}), kOut));
  EXPECT_FALSE(is_target(names({"uery", "self"}), kQuery));
  EXPECT_FALSE(is_target(names({"output.dense"}), "bert.encoder.layer.1.attention.self_output.dense"));
}

TEST(IsTargetTest, APatternMustFitTheWholeName) {
  EXPECT_TRUE(is_target(pattern(R"(.*layer\.[01]\..*(query|key))"), kQuery));
  EXPECT_FALSE(is_target(pattern(R"(.*layer\.[23]\..*(query|key))"), kQuery));
  EXPECT_FALSE(is_target(pattern("query"), kQuery));
  EXPECT_FALSE(is_target(pattern(".*quer"), kQuery));
}

TEST(IsTargetTest, LayersAreTheFirstNumberOfTheName) {
  AdapterConfig config = names({"query", "w1", "classifier"});
  config.layers_to_transform = {1, 3};
  EXPECT_TRUE(is_target(config, kQuery));
  EXPECT_FALSE(is_target(config, "bert.encoder.layer.2.attention.self.query"));
  EXPECT_TRUE(is_target(config, "model.layers.3.experts.0.w1"));
  EXPECT_FALSE(is_target(config, "model.layers.2.experts.3.w1"));
  EXPECT_FALSE(is_target(config, "model.classifier"));  // no layer
  EXPECT_TRUE(is_target(config, "classifier"));         // named whole, as PEFT has it
}

TEST(IsTargetTest, LayersStandBehindWhatThePatternsSay) {
  AdapterConfig config = names({"query", "w1"});
  config.layers_to_transform = {1};
  config.layers_pattern = {"blocks", "layer"};
  EXPECT_TRUE(is_target(config, kQuery));
  EXPECT_TRUE(is_target(config, "blocks.1.w1"));
  EXPECT_FALSE(is_target(config, "model.layers.1.w1"));
  EXPECT_FALSE(is_target(config, "blocks.2.layer.1.w1"));  // the first pattern that is there counts
  config.layers_pattern = {"(experts|layers)"};
  EXPECT_TRUE(is_target(config, "model.layers.1.experts.0.w1"));
  EXPECT_FALSE(is_target(config, "model.layers.0.experts.1.w1"));
}

TEST(IsTargetTest, WhatIsExcludedIsNoTarget) {
  AdapterConfig config = names({"query", "dense"});
  config.exclude_modules.names = {"output.dense"};
  EXPECT_TRUE(is_target(config, kQuery));
  EXPECT_FALSE(is_target(config, kOut));
  EXPECT_TRUE(is_target(config, "bert.encoder.layer.1.self_output.dense"));
  config.exclude_modules = {.pattern = R"(.*layer\.1\..*)"};
  EXPECT_FALSE(is_target(config, kQuery));
  EXPECT_TRUE(is_target(config, "bert.encoder.layer.2.attention.self.query"));
  config.target_modules = {.all_linear = true};
  EXPECT_FALSE(is_target(config, kOut));
}

TEST(IsFeedforwardTest, EndingsOrOnePatternForTheWholeName) {
  AdapterConfig config;
  config.feedforward_modules.names = {"put.dense"};
  EXPECT_TRUE(is_feedforward(config, kOut));
  config.feedforward_modules = {.pattern = "output.dense"};
  EXPECT_FALSE(is_feedforward(config, kOut));
  config.feedforward_modules = {.pattern = R"(.*\.output\.dense)"};
  EXPECT_TRUE(is_feedforward(config, kOut));
  EXPECT_FALSE(is_feedforward(config, kQuery));
}

TEST(IsSavedWholeTest, EndingsOfAnyOuterName) {
  EXPECT_TRUE(is_saved_whole({"classifier"}, "classifier.out_proj"));
  EXPECT_TRUE(is_saved_whole({"classifier"}, "pre_classifier"));  // as PEFT trains it with DistilBERT
  EXPECT_TRUE(is_saved_whole({"pooler"}, "bert.pooler.dense"));
  EXPECT_FALSE(is_saved_whole({"classifier"}, "classifiers.dense"));
  EXPECT_FALSE(is_saved_whole({}, "classifier"));
}

TEST(RankTest, TheFirstPatternThatFitsTheEndCounts) {
  AdapterConfig config = names({"query", "dense"});
  config.rank = 8;
  config.alpha = 16;
  config.rank_pattern = {{R"(layer\.1\.attention\.self\.query)", 4}, {"query", 2}, {"ense", 1}};
  config.alpha_pattern = {{"self.query", 3}};
  EXPECT_EQ(rank_of(config, kQuery), 4);
  EXPECT_EQ(rank_of(config, "bert.encoder.layer.2.attention.self.query"), 2);
  EXPECT_EQ(rank_of(config, kOut), 8);  // "ense" begins no part of the name
  EXPECT_DOUBLE_EQ(scale_of(config, kQuery), 3.0 / 4);
  EXPECT_DOUBLE_EQ(scale_of(config, kOut), 2.0);
  config.rank_stabilized = true;
  EXPECT_DOUBLE_EQ(scale_of(config, kOut), 16 / std::sqrt(8.0));
}

TEST(PatternTest, WhatIsWrongIsSaid) {
  EXPECT_EQ(pattern_problem("a.*b"), "");
  EXPECT_NE(pattern_problem("a(b").find("at character"), std::string::npos);
  // A pattern that tries for ever ends without a match.
  EXPECT_FALSE(is_target(pattern("(a+)+$b"), std::string(40, 'a')));
}

}  // namespace
}  // namespace weft
