// Every adapter method, and every family with every head, against PEFT and transformers: forward and gradients.
#include <gtest/gtest.h>

#include <algorithm>

#include "common/checkpoint/merge.h"
#include "tests/models/adapter_support.h"

namespace weft::models {
namespace {

class MethodParityTest : public testing::TestWithParam<const char*> {};

TEST_P(MethodParityTest, APeftFolderLoadsAndComputesWhatPeftDoes) {
  const AdapterGolden expected(fixtures() / "adapters" / GetParam());
  const auto model = expected.load(fixtures() / "models/bert_tiny", TaskKind::sequence_classification, 2);
  expect_golden(expected, *model);
}

// Merged into the base it computes the same without an adapter.
TEST_P(MethodParityTest, MergedItComputesTheSame) {
  const std::filesystem::path base = fixtures() / "models/bert_tiny";
  const AdapterGolden expected(fixtures() / "adapters" / GetParam());
  const auto model = expected.load(base, TaskKind::sequence_classification, 2);
  const OwnFolder place;
  checkpoint::write_merged(base, checkpoint::without_changed_base(expected.peft, model->initial_state(Rng(1))),
                           place / "merged");
  const auto merged = load_as_it_is(place / "merged", TaskKind::sequence_classification, 2);
  const nn::Trainable nothing(merged->initial_state(Rng(1)), at::kCPU, false);
  EXPECT_LT(largest_difference(logits_for_task(*merged, expected.golden.batch, nothing),
                               expected.golden.tensors.at("logits")),
            1e-5);
}

INSTANTIATE_TEST_SUITE_P(Peft, MethodParityTest,
                         testing::Values("rslora_patterns", "dora", "bias_all", "bias_lora_only", "regex", "all_linear",
                                         "pissa", "pooler_whole", "ia3"),
                         [](const auto& tested) { return std::string(tested.param); });

struct FamilyCase {
  const char* family;
  TaskKind task;
};
class FamilyParityTest : public testing::TestWithParam<FamilyCase> {};

TEST_P(FamilyParityTest, LogitsAndGradientsAreThoseOfTransformers) {
  const std::filesystem::path folder = fixtures() / "families" / GetParam().family;
  const AdapterGolden expected(folder / std::string(name_of(GetParam().task)));
  const auto model = expected.load(folder / "base", GetParam().task, 3);
  expect_golden(expected, *model);
}

constexpr TaskKind kSequence = TaskKind::sequence_classification, kToken = TaskKind::token_classification;
INSTANTIATE_TEST_SUITE_P(Encoders, FamilyParityTest,
                         testing::Values(FamilyCase{"bert", kSequence}, FamilyCase{"bert", kToken},
                                         FamilyCase{"distilbert", kSequence}, FamilyCase{"distilbert", kToken},
                                         FamilyCase{"roberta", kSequence}, FamilyCase{"roberta", kToken},
                                         FamilyCase{"xlm-roberta", kSequence}, FamilyCase{"xlm-roberta", kToken}),
                         [](const auto& tested) {
                           std::string name = tested.param.family + ("_" + std::string(name_of(tested.param.task)));
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace weft::models
