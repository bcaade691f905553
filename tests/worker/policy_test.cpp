// A site's own limits hold whatever the coordinator says.
#include "worker/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::worker {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

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

std::string reason(const Policy& policy, const wire::Welcome& offer) {
  return policy.refusal(offer).value_or(Refusal{}).reason;
}

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
  EXPECT_THAT(
      reason(parse("{tasks: [regression], adapter_methods: [dora], max_local_steps: 19}"), welcome()),
      AllOf(HasSubstr("policy.tasks"), HasSubstr("policy.adapter_methods"), HasSubstr("policy.max_local_steps")))
      << "all at once";
  EXPECT_EQ(reason(parse("max_local_steps: 20"), welcome()), "");
}

TEST(PolicyTest, LimitsWhatABatchCanHold) {
  const auto with = [](const std::string& task, const std::string& train) {
    wire::Welcome offer = welcome();
    offer.settings = "task: {kind: sequence_classification" + task +
                     "}\nadapter: {method: lora}\nrounds: {count: 1}\n" + "train: {local_steps: 1" + train + "}\n";
    return offer;
  };
  EXPECT_EQ(reason(parse("{max_batch_size: 64, max_tokens: 512}"), with(", max_tokens: 512", ", batch_size: 64")), "");
  EXPECT_THAT(reason(parse("max_batch_size: 64"), with("", ", batch_size: 65")),
              AllOf(HasSubstr("train.batch_size: 65"), HasSubstr("policy.max_batch_size")));
  EXPECT_THAT(reason(parse("max_tokens: 512"), with(", max_tokens: 513", "")),
              AllOf(HasSubstr("task.max_tokens: 513"), HasSubstr("policy.max_tokens")));
  EXPECT_THAT(reason(parse("max_batch_size: 31"), with("", "")), HasSubstr("32"))
      << "what is trained when it is not said";
  EXPECT_THAT(reason(parse("max_tokens: 511"), with("", "")), HasSubstr("512"));
  EXPECT_THAT(reason(parse("{}"), with("", ", batch_size: 1000000000")), HasSubstr("policy.max_batch_size"));
}

TEST(PolicyTest, LimitsHowOftenARunTrainsAndScores) {
  const Policy policy = parse("{max_rounds: 5, max_trainings: 3, max_scorings: 4}");
  EXPECT_FALSE(policy.training_refusal(5, {.trainings = 2, .scorings = 100}).has_value());
  EXPECT_THAT(policy.training_refusal(1, {.trainings = 3}).value_or(Refusal{}).reason,
              AllOf(HasSubstr("4"), HasSubstr("allows 3"), HasSubstr("policy.max_trainings")));
  EXPECT_THAT(policy.training_refusal(6, {}).value_or(Refusal{}).reason, HasSubstr("policy.max_rounds"));
  EXPECT_FALSE(policy.scoring_refusal({.trainings = 100, .scorings = 3}).has_value());
  EXPECT_THAT(policy.scoring_refusal({.scorings = 4}).value_or(Refusal{}).reason, HasSubstr("policy.max_scorings"));
}

TEST(PolicyTest, LimitsTheStepsOfASingleTraining) {
  const Policy policy = parse("max_local_steps: 40");
  EXPECT_FALSE(policy.steps_refusal(0).has_value());
  EXPECT_FALSE(policy.steps_refusal(40).has_value());
  EXPECT_THAT(policy.steps_refusal(41).value_or(Refusal{}).reason,
              AllOf(HasSubstr("41"), HasSubstr("allows 40"), HasSubstr("policy.max_local_steps")));
}

TEST(PolicyTest, TellsTheCoordinatorNoMoreThanItMust) {
  const Refusal by_name = parse("runs: [\"heart-*\"]").refusal(welcome()).value_or(Refusal{});
  EXPECT_THAT(by_name.told, AllOf(HasSubstr("sentiment"), HasSubstr("policy.runs"), Not(HasSubstr("heart"))));
  const fl::SiteFacts facts{.manifest = std::make_shared<const Manifest>(Manifest::build({{"a", {1}}}).value()),
                            .examples = {{"train", 17}}};
  EXPECT_THAT(parse("min_examples: 20").refusal(facts).value_or(Refusal{}).told,
              AllOf(HasSubstr("policy.min_examples"), Not(HasSubstr("17"))));
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
  EXPECT_THAT(parse("max_parameters: 9").refusal(facts).value_or(Refusal{}).reason, HasSubstr("policy.max_parameters"));
  EXPECT_THAT(parse("min_examples: 6").refusal(facts).value_or(Refusal{}).reason, HasSubstr("no fewer than 6"));
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
