// What every family promises with every method for every task that reads text: a new entry of the registry is held to
// it as well. Base models come from scripts/make_adapter_fixtures.py.
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "common/models/registry.h"
#include "tests/models/contract_support.h"

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
      {"biases", linear(AdapterMethod::lora)},
      {"olora", linear(AdapterMethod::lora)}};
  all[5].config.decomposed = true;
  all[6].config.init = LoraInit::pissa;
  all[7].config.init = LoraInit::orthonormal;
  all[8].config.bias = AdapterBias::all;
  all[9].config.init = LoraInit::olora;
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

TEST_P(ContractTest, StepsLowerTheLossAndReachWhatIsTrained) {
  expect_steps_reach_what_is_trained(*model_, [&](const Model& model, const nn::Trainable& params) {
    const at::Tensor logits = logits_for_task(model, batch_from(kSequences), params);
    return at::cross_entropy_loss(logits, labels(logits));
  });
}

TEST_P(ContractTest, ItsFolderComesBackAsItWas) {
  const OwnFolder place;
  checkpoint::PeftFolder written{.config = {.base_model = "base",
                                            .task = model_->task(),
                                            .adapter = model_->adapter(),
                                            .fan_in_fan_out = model_->fan_in_fan_out()},
                                 .state = model_->initial_state(Rng(3)),
                                 .facts = {}};
  if (model_->fan_in_fan_out() && model_->adapter().init == LoraInit::olora)  // which PEFT has not; as runs write it
    written = checkpoint::without_changed_base(written, written.state);
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
  expect_merged_computes_the_same(*model_, GetParam().base(), place, 0.1, 3,
                                  [](const Model& model, const nn::Trainable& params) {
                                    return logits_for_task(model, batch_from(kSequences), params);
                                  });
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
