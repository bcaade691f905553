// A trained language head, a chunk of the logits at a time, against all of them at once.
#include "common/models/language_head.h"

#include <ATen/core/Reduction.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include "common/nn/linear_loss.h"
#include "tests/models/bert_support.h"

namespace weft::models {
namespace {

constexpr std::int64_t kWidth = 16, kVocabulary = 50'257, kRows = 200;

class LanguageHeadTest : public testing::Test {
 protected:
  LanguageHeadTest() { EXPECT_LT(nn::rows_at_once(kVocabulary), kRows) << "one chunk"; }

  static nn::Trainable params_of(std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes) {
    StateDict state = StateDict::zeros(std::make_shared<const Manifest>(Manifest::build(std::move(shapes)).value()));
    RngStream stream = Rng(10).stream("params");
    for (float& value : state.values) value = static_cast<float>(stream.uniform() - 0.5);
    return {state, at::kCPU, true};
  }
  // The same sum of the losses for either way, so that each row has another gradient.
  static at::Tensor summed(const at::Tensor& losses) { return losses.mul(at::linspace(-1, 1, kRows).sin()).sum(); }
  // Both ways' gradients of what is trained and of the states.
  void expect_same(const Linear& head, nn::Trainable& params, const std::function<at::Tensor(const at::Tensor&)>& all) {
    at::Tensor of_states[2], of_params[2];
    for (const bool whole : {false, true}) {
      params.zero_grad();
      const at::Tensor states = states_.clone().requires_grad_(true);
      const at::Tensor losses = whole ? at::cross_entropy_loss(all(states), targets_, {}, at::Reduction::None)
                                      : language_losses({params}, head, states, targets_);
      summed(losses).backward();
      of_states[whole ? 1 : 0] = states.grad();
      of_params[whole ? 1 : 0] = params.grad().clone();
    }
    EXPECT_GT(of_params[1].abs().max().item().toDouble(), 0.1);
    EXPECT_LT(largest_difference(of_states[0], of_states[1]), 1e-5);
    EXPECT_LT(largest_difference(of_params[0], of_params[1]), 1e-4);
  }

  const at::Tensor states_ = at::randn({kRows, kWidth}), weight_ = at::randn({kVocabulary, kWidth}),
                   targets_ = at::arange(kRows).mul(7919).remainder(kVocabulary);
};

TEST_F(LanguageHeadTest, APairOrAWholeWeightLearnsAsFromAllLogitsAtOnce) {
  nn::Trainable pair = params_of({{"a", {2, kWidth}}, {"b", {kVocabulary, 2}}});
  expect_same({weight_, {}, {{.out = kVocabulary, .a = "a", .b = "b", .scale = 2, .has_bias = false}}}, pair,
              [&](const at::Tensor& states) {
                const at::Tensor low = at::mm(at::mm(states, pair.leaf("a").t()), pair.leaf("b").t());
                return at::mm(states, weight_.t()).add(low, 2);
              });
  nn::Trainable whole = params_of({{"w", {kVocabulary, kWidth}}});
  expect_same({weight_, {}, {{.out = kVocabulary, .weight = "w", .has_bias = false}}}, whole,
              [&](const at::Tensor& states) { return at::mm(states, whole.leaf("w").t()); });
}

TEST_F(LanguageHeadTest, LearnsThoughNothingBelowItDoes) {
  nn::Trainable whole = params_of({{"w", {kVocabulary, kWidth}}});
  const Linear head(weight_, {}, {{.out = kVocabulary, .weight = "w", .has_bias = false}});
  language_losses({whole}, head, states_, targets_).mean().backward();
  EXPECT_GT(whole.grad().abs().max().item().toDouble(), 0);
}

// The way back sees the values that the way there has dropped: the gradient is the slope of the loss.
TEST_F(LanguageHeadTest, DropsTheSameValuesOnTheWayBack) {
  nn::Trainable pair = params_of({{"a", {2, kWidth}}, {"b", {kVocabulary, 2}}});
  const Linear head(weight_, {}, {{.out = kVocabulary, .a = "a", .b = "b", .dropout = 0.5, .has_bias = false}});
  const auto loss = [&] {
    RngStream dropout = Rng(3).stream("dropout");
    return summed(language_losses({pair, &dropout}, head, states_, targets_));
  };
  loss().backward();
  const at::Tensor slope = pair.leaf("a").grad().clone(), a = pair.leaf("a").detach();
  const double step = 1e-2, at_start = loss().item().toDouble();
  const at::Tensor direction = slope.div(slope.norm());
  a.add_(direction, step);
  const double above = loss().item().toDouble();
  a.sub_(direction, 2 * step);
  const double below = loss().item().toDouble();
  EXPECT_NE(above, at_start);
  EXPECT_NEAR((above - below) / (2 * step), slope.norm().item().toDouble(), 0.02 * slope.norm().item().toDouble());
}

}  // namespace
}  // namespace weft::models
