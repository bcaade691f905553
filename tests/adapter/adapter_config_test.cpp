// The `adapter` block: what each method takes and what it refuses.
#include "common/adapter/adapter_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

AdapterConfig parse(const std::string& block) {
  const YamlView root = YamlView::parse("adapter:\n" + block, "test");
  const AdapterConfig config = AdapterConfig::parse(root.child("adapter"));
  root.finish();
  return config;
}

std::string error_of(const std::string& block) {
  try {
    parse(block);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(AdapterConfigTest, LoraWithEverything) {
  const AdapterConfig config = parse(
      "  method: lora\n  target_modules: [query, dense]\n  rank: 4\n  alpha: 3\n  dropout: 0.1\n"
      "  use_rslora: true\n  use_dora: true\n  bias: lora_only\n  init_lora_weights: orthonormal\n"
      "  rank_pattern: {output.dense: 2, query: 6}\n  alpha_pattern: {query: 1.5}\n"
      "  layers_to_transform: [0, 2]\n  modules_to_save: [pooler]\n");
  EXPECT_EQ(config.method, AdapterMethod::lora);
  EXPECT_THAT(config.target_modules.names, ElementsAre("query", "dense"));
  EXPECT_EQ(config.rank, 4);
  EXPECT_TRUE(config.rank_stabilized && config.decomposed);
  EXPECT_EQ(config.bias, AdapterBias::lora_only);
  EXPECT_EQ(config.init, LoraInit::orthonormal);
  EXPECT_THAT(config.rank_pattern, ElementsAre(std::pair("output.dense", 2), std::pair("query", 6)));
  EXPECT_THAT(config.alpha_pattern, ElementsAre(std::pair("query", 1.5)));
  EXPECT_THAT(config.layers_to_transform, ElementsAre(0, 2));
  EXPECT_THAT(config.modules_to_save.value(), ElementsAre("pooler"));
}

TEST(AdapterConfigTest, TheHeadIsSavedUnlessSaidOtherwise) {
  EXPECT_FALSE(parse("  target_modules: [query]\n").modules_to_save.has_value());
  EXPECT_TRUE(parse("  target_modules: [query]\n  modules_to_save: []\n").modules_to_save.value().empty());
}

TEST(AdapterConfigTest, TargetsAreAListAPatternOrAllLinear) {
  EXPECT_TRUE(parse("  target_modules: all-linear\n").target_modules.all_linear);
  EXPECT_EQ(parse("  target_modules: .*query\n").target_modules.pattern, ".*query");
  EXPECT_THAT(error_of("  target_modules: (query\n"), HasSubstr("not a regular expression"));
  EXPECT_THAT(error_of("  target_modules: []\n"), HasSubstr("is empty"));
  EXPECT_THAT(error_of("  rank: 2\n"), HasSubstr("target_modules"));
}

TEST(AdapterConfigTest, WhatIsExcludedIsAListOrAPattern) {
  EXPECT_TRUE(parse("  target_modules: all-linear\n").exclude_modules.empty());
  EXPECT_THAT(parse("  target_modules: all-linear\n  exclude_modules: [key]\n").exclude_modules.names,
              ElementsAre("key"));
  EXPECT_EQ(parse("  target_modules: [q]\n  exclude_modules: .*h.0.*\n").exclude_modules.pattern, ".*h.0.*");
  EXPECT_THAT(error_of("  target_modules: [q]\n  exclude_modules: (q\n"), HasSubstr("exclude_modules"));
  const AdapterConfig layers = parse("  target_modules: [q]\n  layers_to_transform: [1]\n  layers_pattern: [h]\n");
  EXPECT_THAT(layers.layers_pattern, ElementsAre("h"));
  EXPECT_THAT(error_of("  target_modules: [q]\n  layers_pattern: [\"(\"]\n"), HasSubstr("layers_pattern"));
}

TEST(AdapterConfigTest, KeysOfOtherMethodsAreUnknown) {
  EXPECT_THAT(error_of("  method: bitfit\n  target_modules: [query]\n"), HasSubstr("target_modules"));
  EXPECT_THAT(error_of("  method: ia3\n  target_modules: [key]\n  rank: 2\n"), HasSubstr("rank"));
  EXPECT_THAT(error_of("  target_modules: [key]\n  feedforward_modules: [key]\n"), HasSubstr("feedforward_modules"));
  EXPECT_EQ(error_of("  method: ia3\n  target_modules: [key]\n  feedforward_modules: [key]\n"), "");
  EXPECT_EQ(error_of("  method: ia3\n  target_modules: [key]\n  feedforward_modules: .*key\n"), "");
  EXPECT_EQ(error_of("  method: full\n  target_modules: .*\n"), "");
}

TEST(AdapterConfigTest, RefusesWhatCannotBe) {
  EXPECT_THAT(error_of("  target_modules: [q]\n  rank: 0\n"), HasSubstr("rank"));
  EXPECT_THAT(error_of("  target_modules: [q]\n  rank_pattern: {\"(\": 2}\n"), HasSubstr("regular expression"));
  EXPECT_THAT(error_of("  target_modules: .*q\n  layers_to_transform: [1]\n"), HasSubstr("list of target_modules"));
  EXPECT_THAT(error_of("  target_modules: [q]\n  layers_to_transform: [1.5]\n"), HasSubstr("indices"));
  EXPECT_THAT(error_of("  target_modules: [q]\n  bias: some\n"), HasSubstr("lora_only"));
}

}  // namespace
}  // namespace weft
