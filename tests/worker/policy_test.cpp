// A site's own limits hold whatever the coordinator says.
#include "worker/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::worker {
namespace {

using testing::HasSubstr;

wire::Welcome welcome(const std::string& extra_steps = "20") {
  return {.run = "sentiment",
          .run_id = std::string(32, 'a'),
          .settings =
              "run: sentiment\ntask: {kind: sequence_classification, labels: [a, b]}\n"
              "adapter: {method: lora, rank: 8}\nrounds: {count: 6}\ntrain: {local_steps: " +
              extra_steps + "}\n",
          .base_digest = std::string(64, 'b')};
}

Policy parse(const std::string& yaml) { return Policy::parse(YamlView::parse(yaml, "site.yaml")); }

std::string reason(const Policy& policy, const wire::Welcome& offer) { return policy.refusal(offer).value_or(""); }

TEST(GlobTest, StarAndQuestionMark) {
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_TRUE(glob_matches("sent*", "sentiment"));
  EXPECT_TRUE(glob_matches("*i*t", "sentiment"));
  EXPECT_TRUE(glob_matches("s?n*", "sentiment"));
  EXPECT_FALSE(glob_matches("sent", "sentiment"));
  EXPECT_FALSE(glob_matches("s?", "s"));
  EXPECT_FALSE(glob_matches("*x*", "sentiment"));
  EXPECT_FALSE(glob_matches("", "a"));
  EXPECT_FALSE(glob_matches(std::string(20, '*') + "b", std::string(5000, 'a')));  // in linear memory and no blow-up
}

TEST(PolicyTest, EmptyPolicyAcceptsAnOrdinaryRun) { EXPECT_EQ(reason(parse("{}"), welcome()), ""); }

TEST(PolicyTest, RefusesEachLimitByItsKey) {
  EXPECT_THAT(reason(parse("runs: [\"heart-*\", lung]"), welcome()),
              AllOf(HasSubstr("\"sentiment\""), HasSubstr("heart-*, lung"), HasSubstr("policy.runs")));
  EXPECT_EQ(reason(parse("runs: [\"senti*\"]"), welcome()), "");
  EXPECT_THAT(reason(parse("base_digests: [" + std::string(64, 'c') + "]"), welcome()),
              AllOf(HasSubstr(std::string(64, 'b')), HasSubstr("policy.base_digests")));
  EXPECT_EQ(reason(parse("base_digests: [" + std::string(64, 'b') + "]"), welcome()), "");
  EXPECT_THAT(reason(parse("tasks: [regression]"), welcome()), HasSubstr("policy.tasks"));
  EXPECT_THAT(reason(parse("adapter_methods: [dora]"), welcome()), HasSubstr("policy.adapter_methods"));
  EXPECT_THAT(reason(parse("max_rounds: 5"), welcome()), AllOf(HasSubstr("6"), HasSubstr("allows 5")));
  EXPECT_EQ(reason(parse("max_rounds: 6"), welcome()), "");
  EXPECT_THAT(reason(parse("max_local_steps: 19"), welcome()), HasSubstr("policy.max_local_steps"));
  EXPECT_EQ(reason(parse("max_local_steps: 20"), welcome()), "");
}

TEST(PolicyTest, RefusesSettingsThatCannotBeJudged) {
  wire::Welcome odd = welcome();
  odd.settings = "{[";
  EXPECT_THAT(reason(parse("{}"), odd), HasSubstr("cannot be judged"));
  odd.settings = "run: sentiment\n";
  EXPECT_THAT(reason(parse("{}"), odd), HasSubstr("task"));
  EXPECT_THAT(reason(parse("{}"), welcome("many")), HasSubstr("local_steps"));
}

TEST(PolicyTest, LimitsWhatIsTrainedAndOnHowMuch) {
  fl::SiteFacts facts{.manifest = std::make_shared<const Manifest>(Manifest::build({{"a", {10}}}).value()),
                      .examples = {{"train", 5}, {"test", 100}}};
  EXPECT_FALSE(parse("{max_parameters: 10, min_examples: 5}").refusal(facts).has_value());
  EXPECT_THAT(parse("max_parameters: 9").refusal(facts).value_or(""), HasSubstr("policy.max_parameters"));
  EXPECT_THAT(parse("min_examples: 6").refusal(facts).value_or(""), HasSubstr("no fewer than 6"));
  facts.examples.clear();
  EXPECT_TRUE(parse("{}").refusal(facts).has_value());
}

TEST(PolicyTest, RejectsMalformedPolicies) {
  EXPECT_THROW(parse("max_rounds: 0"), ConfigError);
  EXPECT_THROW(parse("base_digests: [abc]"), ConfigError);
  EXPECT_THROW(parse("runs: 7\nmax_rounds: x"), ConfigError);
}

}  // namespace
}  // namespace weft::worker
