// A site's round: the same bits every time, nothing left over from the round before, errors that say what to do.
#include "common/train/site_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "common/metrics/registry.h"
#include "common/train/plain_training.h"
#include "common/train/step_loop.h"
#include "tests/train/train_support.h"

namespace weft::train {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kTrained = "train/bert_tiny_trained.safetensors";

TrainConfig small_config() { return {.local_steps = 6, .batch_size = 8, .learning_rate = 5e-3, .clip_norm = 1}; }

fl::TrainResult train(SiteTrainer& trainer, const StateDict& start, std::uint32_t round = 1) {
  return trainer.train({.site = "clinic-a", .round = round, .start = &start}, {}, {});
}

template <class Exception, class Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (const Exception& error) {
    return error.what();
  }
  return "no such error";
}

void expect_peft_steps(TrainConfig config) {
  const auto model = tiny_bert();
  const data::EncodedDataset data = fixture_batch();
  config.batch_size = 8;
  config.learning_rate = 5e-3;
  config.warmup_ratio = 0.4;
  config.weight_decay = 0.1;
  config.epsilon = 1e-6;
  config.clip_norm = 0.5;
  nn::Trainable params(start_state(*model), at::kCPU, true);
  const auto task = two_classes(model);
  StepLoop loop({.task = task.get(), .data = &data, .config = &config, .site = "a", .total_steps = 5}, params);
  const StepStats stats = loop.run(0, 4, {}, {});
  EXPECT_LT(largest_difference(params.to_state_dict(), state_of(kTrained, "trained", *model)), 1e-5);
  double loss = 0;
  for (const float value : floats_of(kTrained, "losses")) loss += static_cast<double>(value) / 4;
  EXPECT_NEAR(stats.loss, loss, 1e-5);
  EXPECT_EQ(stats.tokens, 4 * data.ids.size());
}

TEST(PeftStepsTest, DecayClippingAndWarmUpMakeTheSteps) { expect_peft_steps({}); }

TEST(PeftStepsTest, MicroBatchesDoNotChangeThem) {
  expect_peft_steps({.accumulation = 3});
  expect_peft_steps({.batch_tokens = 50});
}

TEST(SiteTrainerTest, TheSameBitsWhateverWasDoneBefore) {
  const auto model = tiny_bert({.adapter_dropout = 0.1, .base_dropout = 0.1});
  const StateDict start = start_state(*model);
  SiteTrainer trainer = trainer_of(model, toy_data(40, 1), small_config(), 3);
  const fl::TrainResult first = train(trainer, start, 2);
  train(trainer, after(start, first), 3);
  trainer.evaluate(start, "validation", {}, {});
  EXPECT_EQ(train(trainer, start, 2).update.values, first.update.values);
  SiteTrainer other = trainer_of(model, toy_data(40, 1), small_config(), 3);
  EXPECT_EQ(train(other, start, 2).update.values, first.update.values);
}

TEST(SiteTrainerTest, SeedSiteAndRoundDrawAnotherDropout) {
  // One batch that is the whole data set, so that only dropout can differ; a constant rate, so that rounds are alike.
  TrainConfig config{.local_steps = 1, .batch_size = 16, .length_window = 1, .schedule = Schedule::constant};
  const auto model = tiny_bert({.base_dropout = 0.1});
  const StateDict start = start_state(*model);
  SiteTrainer trainer = trainer_of(model, toy_data(16, 1), config, 2);
  const auto update_of = [&](const std::string& site, std::uint32_t round) {
    return trainer.train({.site = site, .round = round, .start = &start}, {}, {}).update.values;
  };
  EXPECT_EQ(update_of("a", 1), update_of("a", 1));
  EXPECT_NE(update_of("a", 1), update_of("b", 1));
  EXPECT_NE(update_of("a", 1), update_of("a", 2));
}

TEST(SiteTrainerTest, OneThreadOrTwoAgree) {
  const auto model = tiny_bert({.base_dropout = 0.1});
  const StateDict start = start_state(*model);
  std::vector<fl::TrainResult> results;
  for (const int threads : {1, 2}) {
    SiteTrainer trainer({.task = two_classes(model),
                         .data = {.train = toy_data(40, 1), .validation = {}, .test = {}},
                         .config = {.local_steps = 1, .batch_size = 8, .optimizer = OptimizerKind::sgd},
                         .threads = threads});
    results.push_back(train(trainer, start));
  }
  // Only the matrix products of LibTorch may sum in another order; dropout and all other kernels keep their bits.
  EXPECT_LT(largest_difference(results[0].update, results[1].update), 1e-7);
}

TEST(SiteTrainerTest, ReportsWhatItDid) {
  const auto model = tiny_bert();
  const StateDict start = start_state(*model);
  SiteTrainer trainer = trainer_of(model, toy_data(40, 1), small_config());
  EXPECT_EQ(trainer.facts().examples,
            (std::map<std::string, std::uint64_t>{{"test", 0}, {"train", 40}, {"validation", 40}}));
  std::vector<std::uint64_t> done;
  const fl::TrainResult result = trainer.train({.site = "a", .round = 1, .start = &start},
                                               [&](const fl::TrainProgress& progress) {
                                                 done.push_back(progress.done);
                                                 EXPECT_EQ(progress.total, 6U);
                                                 EXPECT_GT(progress.tokens_per_second, 0);
                                               },
                                               {});
  EXPECT_EQ(done, (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(result.examples, 40U);
  EXPECT_EQ(result.values.at("steps"), 6);
  EXPECT_GT(result.values.at("tokens"), 6 * 8 * 2);
  EXPECT_GT(result.values.at("peak_rss_bytes"), 1e7);
}

// A slow site is asked for fewer steps: the first ones of the round.
TEST(SiteTrainerTest, TakesFewerStepsWhenAskedFor) {
  const auto model = tiny_bert();
  const StateDict start = start_state(*model);
  TrainConfig config = small_config();
  config.schedule = Schedule::constant;
  SiteTrainer all = trainer_of(model, toy_data(40, 1), config);
  const fl::TrainResult two = all.train({.site = "clinic-a", .round = 1, .start = &start, .steps = 2}, {}, {});
  EXPECT_EQ(two.values.at("steps"), 2);
  config.local_steps = 2;
  SiteTrainer few = trainer_of(model, toy_data(40, 1), config);
  EXPECT_EQ(two.update.values, train(few, start).update.values);
  EXPECT_NE(two.update.values, train(all, start).update.values);
  EXPECT_THAT(
      error_of<Failure>([&] { all.train({.site = "clinic-a", .round = 1, .start = &start, .steps = 7}, {}, {}); }),
      AllOf(HasSubstr("7 local steps"), HasSubstr("at most 6")));
}

TEST(SiteTrainerTest, LearnsASimpleRule) {
  const auto model = tiny_bert({.base_dropout = 0.1});
  StateDict state = model->initial_state(Rng(5));
  SiteTrainer trainer =
      trainer_of(model, toy_data(200, 1),
                 {.local_steps = 60, .batch_size = 32, .learning_rate = 2e-2, .warmup_ratio = 0.1, .clip_norm = 1});
  const double before = metrics::value(trainer.evaluate(state, "validation", {}, {}).tally, "loss").value();
  state = after(state, train(trainer, state));
  const fl::Evaluation score = trainer.evaluate(state, "validation", {}, {});
  EXPECT_LT(metrics::value(score.tally, "loss").value(), before / 2);
  EXPECT_GT(metrics::value(score.tally, "accuracy").value(), 0.85);
  EXPECT_EQ(score.examples, 200U);
}

TEST(SiteTrainerTest, StopsBetweenStepsAndKeepsNothing) {
  const auto model = tiny_bert();
  const StateDict start = start_state(*model);
  SiteTrainer trainer = trainer_of(model, toy_data(40, 1), small_config());
  std::stop_source stop;
  std::uint64_t steps = 0;
  const auto stop_at_two = [&](const fl::TrainProgress& progress) {
    steps = progress.done;
    if (progress.done == 2) stop.request_stop();
  };
  EXPECT_THROW(trainer.train({.site = "clinic-a", .round = 1, .start = &start}, stop_at_two, stop.get_token()),
               fl::Cancelled);
  EXPECT_EQ(steps, 2U);
  EXPECT_THROW(trainer.evaluate(start, "validation", {}, stop.get_token()), fl::Cancelled);
  SiteTrainer fresh = trainer_of(model, toy_data(40, 1), small_config());
  EXPECT_EQ(train(trainer, start).update.values, train(fresh, start).update.values);
}

TEST(SiteTrainerErrorTest, ALabelBeyondTheClassesIsNamed) {
  data::EncodedDataset data = toy_data(10, 1);
  data.labels[3] = 2;
  EXPECT_THAT(error_of<ConfigError>([&] { trainer_of(tiny_bert(), data, small_config()); }),
              AllOf(HasSubstr("split \"train\""), HasSubstr("number 3: got label 2"), HasSubstr("2 classes"),
                    HasSubstr("label mapping")));
}

TEST(SiteTrainerErrorTest, ALossThatIsNotFiniteIsNamedWithItsRemedy) {
  const auto model = tiny_bert();
  StateDict start = start_state(*model);
  start.tensor("base_model.model.classifier.bias")[0] = std::numeric_limits<float>::quiet_NaN();
  SiteTrainer trainer = trainer_of(model, toy_data(40, 1), small_config(), 2);
  EXPECT_THAT(error_of<Failure>([&] { train(trainer, start, 2); }),
              AllOf(HasSubstr("site \"clinic-a\""), HasSubstr("loss is nan"), HasSubstr("step 7 of 12"),
                    HasSubstr("lower train.learning_rate")));
}

TEST(SiteTrainerErrorTest, JobsThatDoNotFitAreRefused) {
  const auto model = tiny_bert();
  const StateDict start = start_state(*model);
  SiteTrainer trainer = trainer_of(model, toy_data(40, 1), small_config(), 2);
  EXPECT_THAT(error_of<Failure>([&] { train(trainer, start, 3); }),
              HasSubstr("got round 3, the run has rounds 1 to 2"));
  EXPECT_THAT(error_of<Failure>([&] { train(trainer, start, 0); }), HasSubstr("got round 0"));
  const StateDict other = StateDict::zeros(std::make_shared<const Manifest>(Manifest::build({{"other", {3}}}).value()));
  EXPECT_THAT(error_of<Failure>([&] { train(trainer, other); }), HasSubstr("other tensors"));
  EXPECT_THAT(error_of<Failure>([&] { trainer.evaluate(start, "holdout", {}, {}); }), HasSubstr("\"holdout\""));
  SiteTrainer empty = trainer_of(model, {}, small_config());
  EXPECT_THAT(error_of<ConfigError>([&] { train(empty, start); }), HasSubstr("training split is empty"));
  EXPECT_TRUE(empty.evaluate(start, "validation", {}, {}).tally.parts.empty());
}

}  // namespace
}  // namespace weft::train
