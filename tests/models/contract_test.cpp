// What every family promises with every method for every task that reads text: a new entry of the registry is held to
// it as well. Base models come from scripts/make_adapter_fixtures.py.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <ostream>

#include "common/checkpoint/merge.h"
#include "common/models/registry.h"
#include "tests/models/adapter_support.h"

namespace weft::models {
namespace {

struct Method {
  std::string name;
  AdapterConfig config;
};

AdapterConfig linear(AdapterMethod method) {
  AdapterConfig config{.method = method, .target_modules = {.names = {}, .pattern = {}, .all_linear = true}};
  if (method == AdapterMethod::lora) config.rank = 2;
  return config;
}

std::vector<Method> methods() {
  std::vector<Method> all{
      {"lora", linear(AdapterMethod::lora)},
      {"ia3", linear(AdapterMethod::ia3)},
      {"bitfit", {.method = AdapterMethod::bitfit}},
      {"full", linear(AdapterMethod::full)},
      {"everything", {.method = AdapterMethod::full, .target_modules = {.names = {}, .pattern = ".*"}}},
      {"dora", linear(AdapterMethod::lora)},
      {"pissa", linear(AdapterMethod::lora)},
      {"orthonormal", linear(AdapterMethod::lora)},
      {"biases", linear(AdapterMethod::lora)}};
  all[5].config.decomposed = true;
  all[6].config.init = LoraInit::pissa;
  all[7].config.init = LoraInit::orthonormal;
  all[8].config.bias = AdapterBias::all;
  return all;
}

struct Case {
  std::string family;
  TaskKind task;
  Method method;
  // Of scripts/make_adapter_fixtures.py, or of another script for its own families.
  std::filesystem::path base() const {
    const std::filesystem::path own = fixtures() / "families" / family / "base";
    return std::filesystem::exists(own) ? own : fixtures() / "models" / (family + "_tiny");
  }
  std::shared_ptr<const Model> load() const {
    return load_model(
        {.folder = base(), .task = task, .labels = numbered_labels(3), .adapter = method.config, .base_dropout = 0});
  }
};

void PrintTo(const Case& tested, std::ostream* out) {
  *out << tested.family << ", " << name_of(tested.task) << ", " << tested.method.name;
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Family& family : families())
    for (const FamilyHead& head : family_named(family.model_type)->heads)
      if (head.task == TaskKind::sequence_classification || head.task == TaskKind::token_classification)
        for (const Method& method : methods()) all.push_back({std::string(family.model_type), head.task, method});
  return all;
}

using Sequences = std::vector<std::vector<std::int64_t>>;
const Sequences kSequences{{3, 17, 5, 30, 8}, {11}, {2, 9, 4, 21, 33, 6, 12, 7, 19}};

class ContractTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(std::filesystem::exists(GetParam().base())) << "no fixture for family " << GetParam().family;
    model_ = GetParam().load();
  }
  at::Tensor labels(const at::Tensor& logits) const { return at::arange(logits.size(0), at::kLong).remainder(3); }
  std::shared_ptr<const Model> model_;
};

// Methods only add to a model: before training it computes what the base with the same head does.
TEST_P(ContractTest, AFreshAdapterLeavesTheOutputAsItWas) {
  const nn::Packed batch = batch_from(kSequences);
  const nn::Trainable params(model_->initial_state(Rng(3)), at::kCPU, false);
  Case plain = GetParam();
  plain.method.config = linear(AdapterMethod::lora);  // starts with B = 0
  const auto base = plain.load();
  const nn::Trainable base_params(base->initial_state(Rng(3)), at::kCPU, false);
  const at::Tensor expected = logits_for_task(*base, batch, base_params);
  EXPECT_LT(largest_difference(logits_for_task(*model_, batch, params), expected), 2e-5);
  EXPECT_GT(expected.abs().max().item().toDouble(), 1e-3);
}

TEST_P(ContractTest, EverySequenceIsAlone) {
  const nn::Trainable params(model_->initial_state(Rng(3)), at::kCPU, false);
  std::vector<at::Tensor> alone;
  for (const auto& sequence : kSequences) alone.push_back(logits_for_task(*model_, batch_from({sequence}), params));
  EXPECT_LT(largest_difference(logits_for_task(*model_, batch_from(kSequences), params), at::cat(alone)), 1e-5);
}

// Some steps, since B's start at zero hides A from the first; then everything has had a gradient.
TEST_P(ContractTest, StepsLowerTheLossAndReachWhatIsTrained) {
  nn::Trainable params(model_->initial_state(Rng(3)), at::kCPU, true);
  at::Tensor reached = at::zeros_like(params.flat());
  double first = 0, last = 0;
  for (int step = 0; step < 3; ++step) {
    params.zero_grad();
    const at::Tensor logits = logits_for_task(*model_, batch_from(kSequences), params);
    const at::Tensor loss = at::cross_entropy_loss(logits, labels(logits));
    loss.backward();
    (step == 0 ? first : last) = loss.item().toDouble();
    const at::NoGradGuard guard;
    reached = reached.add(params.grad().abs());
    const double norm = params.grad().norm().item().toDouble();
    params.flat().sub_(params.grad(), 0.05 / norm);
  }
  EXPECT_LT(last, first);
  EXPECT_TRUE(std::isfinite(last));
  std::vector<std::string> still;
  for (const TensorSpec& spec : model_->manifest()->tensors()) {
    const auto offset = static_cast<std::int64_t>(spec.offset), size = static_cast<std::int64_t>(spec.size);
    if (reached.narrow(0, offset, size).max().item().toDouble() == 0) still.push_back(spec.name);
  }
  EXPECT_THAT(still, testing::IsEmpty());
}

TEST_P(ContractTest, ItsFolderComesBackAsItWas) {
  const OwnFolder place;
  const checkpoint::PeftFolder written{.config = {.base_model = "base",
                                                  .task = model_->task(),
                                                  .adapter = model_->adapter(),
                                                  .fan_in_fan_out = model_->fan_in_fan_out()},
                                       .state = model_->initial_state(Rng(3)),
                                       .facts = {}};
  checkpoint::write_peft_folder(place / "adapter", written);
  const checkpoint::PeftFolder read = checkpoint::read_peft_folder(place / "adapter").value();
  EXPECT_EQ(read.config.adapter, written.config.adapter);
  EXPECT_EQ(read.config.task, written.config.task);
  EXPECT_EQ(read.state.values, written.state.values);
  Case again = GetParam();
  again.method.config = read.config.adapter;
  EXPECT_EQ(*again.load()->manifest(), *read.state.manifest);
}

TEST_P(ContractTest, MergedItComputesTheSame) {
  const OwnFolder place;
  copy_in_fp32(GetParam().base(), place / "base");
  const StateDict start = model_->initial_state(Rng(3));
  checkpoint::PeftFolder trained{.config = {.base_model = "base",
                                            .task = model_->task(),
                                            .adapter = model_->adapter(),
                                            .fan_in_fan_out = model_->fan_in_fan_out()},
                                 .state = start,
                                 .facts = {}};
  RngStream noise = Rng(5).stream("noise");
  for (float& value : trained.state.values) value += static_cast<float>(0.1 * noise.normal());
  const nn::Packed batch = batch_from(kSequences);
  const at::Tensor expected = logits_for_task(*model_, batch, nn::Trainable(trained.state, at::kCPU, false));
  checkpoint::write_merged(place / "base", checkpoint::without_changed_base(trained, start), place / "merged");
  const auto merged = load_as_it_is(place / "merged", model_->task(), 3);
  const nn::Trainable nothing(merged->initial_state(Rng(1)), at::kCPU, false);
  EXPECT_LT(largest_difference(logits_for_task(*merged, batch, nothing), expected),
            5e-5 * (1 + expected.abs().max().item().toDouble()));
}

INSTANTIATE_TEST_SUITE_P(Registry, ContractTest, testing::ValuesIn(cases()), [](const auto& tested) {
  std::string name =
      tested.param.family + "_" + std::string(name_of(tested.param.task)) + "_" + tested.param.method.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(RegistryTest, EveryFamilyHasItsNames) {
  for (const Family& family : families()) {
    const FamilyNames* names = family_named(family.model_type);
    ASSERT_NE(names, nullptr) << family.model_type;
    EXPECT_FALSE(names->heads.empty());
  }
}

TEST(RegistryTest, ATaskThatAFamilyCannotDoIsRefused) {
  EXPECT_THROW(load_model({.folder = fixtures() / "models/bert_tiny",
                           .task = TaskKind::image_classification,
                           .labels = numbered_labels(2),
                           .adapter = linear(AdapterMethod::lora)}),
               ConfigError);
}

}  // namespace
}  // namespace weft::models
