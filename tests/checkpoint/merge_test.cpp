// A merged model computes what base and adapter compute together, with the scale applied once.
#include "common/checkpoint/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/tensor/half.h"
#include "common/tensor/safetensors.h"
#include "tests/checkpoint/checkpoint_support.h"

namespace weft::checkpoint {
namespace {

using testing::HasSubstr;
const std::vector<double> kInput{0.7, -1.3, 2.1};
constexpr double kTolerance = 1e-5;

class MergeTest : public testing::Test {
 protected:
  MergeTest() { write_small_base(place_ / "base"); }
  std::string error_of(const PeftFolder& adapter) {
    try {
      write_merged(place_ / "base", adapter, place_ / "merged");
    } catch (const std::exception& error) {
      return error.what();
    }
    return "";
  }
  TemporaryFolder place_;
};

TEST_F(MergeTest, ForwardEqualsBasePlusAdapter) {
  const PeftFolder adapter = small_adapter();
  write_merged(place_ / "base", adapter, place_ / "merged");
  const auto merged = merged_logits(place_ / "merged", kInput);
  EXPECT_LT(largest_difference(merged, adapted_logits(place_ / "base", adapter, kInput)), kTolerance);
}

// Negative controls: the comparison above sees a scale applied twice or not at all.
TEST_F(MergeTest, AWrongScaleIsSeen) {
  const PeftFolder adapter = small_adapter();
  write_merged(place_ / "base", adapter, place_ / "merged");
  const auto merged = merged_logits(place_ / "merged", kInput);
  EXPECT_GT(largest_difference(merged, adapted_logits(place_ / "base", adapter, kInput, 2)), 1e-2);
  EXPECT_GT(largest_difference(merged, adapted_logits(place_ / "base", adapter, kInput, 0)), 1e-2);

  PeftFolder twice = adapter;
  twice.config.adapter.alpha *= 3;  // the scale
  write_merged(place_ / "base", twice, place_ / "twice");
  EXPECT_GT(
      largest_difference(merged_logits(place_ / "twice", kInput), adapted_logits(place_ / "base", adapter, kInput)),
      1e-2);
}

TEST_F(MergeTest, RankStabilizedScale) {
  PeftFolder adapter = small_adapter();
  adapter.config.adapter.rank_stabilized = true;
  write_merged(place_ / "base", adapter, place_ / "merged");
  EXPECT_LT(
      largest_difference(merged_logits(place_ / "merged", kInput), adapted_logits(place_ / "base", adapter, kInput)),
      kTolerance);
}

TEST(AddScaledProductTest, TransposedWeightsGetTheTransposedProduct) {
  const std::vector<float> b{1, 2, 3}, a{10, 20};  // O = 3, I = 2, R = 1
  std::vector<float> plain(6, 0.5F), transposed(6, 0.5F);
  add_scaled_product(plain, b, a, {.out = 3, .in = 2, .rank = 1}, 0.1);
  add_scaled_product(transposed, b, a, {.out = 3, .in = 2, .rank = 1, .transposed = true}, 0.1);
  EXPECT_THAT(plain, testing::Pointwise(testing::FloatEq(), std::vector<float>{1.5, 2.5, 2.5, 4.5, 3.5, 6.5}));
  EXPECT_THAT(transposed, testing::Pointwise(testing::FloatEq(), std::vector<float>{1.5, 2.5, 3.5, 2.5, 4.5, 6.5}));
}

TEST_F(MergeTest, WritesAFolderThatNamesItsLabels) {
  write_merged(place_ / "base", small_adapter(), place_ / "merged");
  const auto config = nlohmann::json::parse(read_file(place_ / "merged/config.json"));
  EXPECT_EQ(config["architectures"], nlohmann::json({"BertForSequenceClassification"}));
  EXPECT_EQ(config["num_labels"], 2);
  EXPECT_EQ(config["id2label"], (nlohmann::json{{"0", "no"}, {"1", "yes"}}));
  EXPECT_EQ(config["label2id"], (nlohmann::json{{"no", 0}, {"yes", 1}}));
  EXPECT_EQ(config["hidden_size"], 3);
  EXPECT_TRUE(std::filesystem::exists(place_ / "merged/tokenizer.json"));
  EXPECT_EQ(Safetensors::open(place_ / "merged").value().metadata().at("format"), "pt");
}

TEST_F(MergeTest, WithoutFactsLabelsAreNumbered) {
  PeftFolder adapter = small_adapter();
  adapter.facts.reset();
  write_merged(place_ / "base", adapter, place_ / "merged");
  const auto config = nlohmann::json::parse(read_file(place_ / "merged/config.json"));
  EXPECT_EQ(config["id2label"], (nlohmann::json{{"0", "LABEL_0"}, {"1", "LABEL_1"}}));
}

TEST_F(MergeTest, WithoutFactsTheBasesLabelsStay) {
  PeftFolder adapter = small_adapter();
  adapter.facts.reset();
  auto base = nlohmann::json::parse(read_file(place_ / "base/config.json"));
  base["id2label"] = {{"0", "bad"}, {"1", "good"}};
  write_file(place_ / "base/config.json", base.dump());
  write_merged(place_ / "base", adapter, place_ / "merged");
  EXPECT_EQ(nlohmann::json::parse(read_file(place_ / "merged/config.json"))["id2label"], base["id2label"]);
}

// A multi-label head or a regression read as one of single labels computes another loss and other scores.
TEST_F(MergeTest, WritesTheProblemThatTheRunHad) {
  const std::pair<const char*, const char*> problems[] = {{"single_label", "single_label_classification"},
                                                          {"multi_label", "multi_label_classification"},
                                                          {"regression", "regression"}};
  for (const auto& [ours, theirs] : problems) {
    PeftFolder adapter = small_adapter();
    adapter.facts->problem = ours;
    write_merged(place_ / "base", adapter, place_ / ours);
    EXPECT_EQ(nlohmann::json::parse(read_file(place_ / ours / "config.json"))["problem_type"], theirs);
  }
  PeftFolder adapter = small_adapter();
  adapter.facts->problem = "riddle";
  EXPECT_THAT(error_of(adapter), HasSubstr("\"riddle\""));
  adapter.facts.reset();  // not known: nothing is claimed
  write_merged(place_ / "base", adapter, place_ / "foreign");
  EXPECT_FALSE(nlohmann::json::parse(read_file(place_ / "foreign/config.json")).contains("problem_type"));
}

TEST_F(MergeTest, CopiesAllThatTransformersLoadsBesideTheModel) {
  const char* files[] = {"tokenizer_config.json",
                         "special_tokens_map.json",
                         "added_tokens.json",
                         "tokenizer.model",
                         "sentencepiece.bpe.model",
                         "chat_template.jinja",
                         "generation_config.json",
                         "chat_template.json",
                         "processor_config.json",
                         "preprocessor_config.json",
                         "vocab.txt",
                         "merges.txt"};
  for (const char* name : files) write_file(place_ / "base" / name, name);
  write_merged(place_ / "base", small_adapter(), place_ / "merged");
  for (const char* name : files) EXPECT_EQ(read_file(place_ / "merged" / name), name);
}

// A PEFT folder without task_type: the head that the base has stays, with its weights.
TEST_F(MergeTest, WithoutATaskTheBaseSaysWhichHeadItIs) {
  const std::vector<float> values(15, 1.0F);
  const Bytes file = to_safetensors({{"model.embed.weight", {DType::f32, {5, 3}, bytes_of<float>(values)}},
                                     {"lm_head.weight", {DType::f32, {5, 3}, bytes_of<float>(values)}}},
                                    {});
  write_file(place_ / "base/model.safetensors", std::string(as_text(file)));
  write_file(place_ / "base/config.json", R"({"model_type": "llama", "architectures": ["LlamaForCausalLM"]})");
  PeftFolder adapter = small_adapter();
  adapter.config.task.reset();
  adapter.state = StateDict::zeros(
      std::make_shared<const Manifest>(Manifest::build({{"base_model.model.model.embed.lora_A.weight", {2, 3}},
                                                        {"base_model.model.model.embed.lora_B.weight", {5, 2}}})
                                           .value()));
  write_merged(place_ / "base", adapter, place_ / "merged");
  EXPECT_EQ(Safetensors::open(place_ / "merged").value().tensors().count("lm_head.weight"), 1U);
  EXPECT_EQ(nlohmann::json::parse(read_file(place_ / "merged/config.json"))["architectures"],
            nlohmann::json({"LlamaForCausalLM"}));

  for (const char* unknown : {R"({"model_type": "llama", "architectures": ["LlamaModel"]})",
                              R"({"model_type": "llama", "architectures": []})", R"({"model_type": "llama"})"}) {
    write_file(place_ / "base/config.json", unknown);
    std::filesystem::remove_all(place_ / "merged");
    EXPECT_THAT(error_of(adapter), AllOf(HasSubstr("task_type"), HasSubstr("LlamaForCausalLM")));
    EXPECT_FALSE(std::filesystem::exists(place_ / "merged"));
  }
}

TEST_F(MergeTest, KeepsHalfPrecisionAndOtherTypes) {
  const std::vector<std::uint16_t> up(15, 0x3f80), down(15, 0x4000);  // bf16 1 and 2
  const std::int64_t ids[] = {7, 8};
  const Bytes file = to_safetensors({{"encoder.up.weight", {DType::bf16, {5, 3}, bytes_of<std::uint16_t>(up)}},
                                     {"encoder.down.weight", {DType::bf16, {3, 5}, bytes_of<std::uint16_t>(down)}},
                                     {"bert.ids", {DType::i64, {2}, bytes_of<std::int64_t>(ids)}},
                                     {"cls.predictions.bias", {DType::bf16, {15}, bytes_of<std::uint16_t>(up)}}},
                                    {});
  write_file(place_ / "base/model.safetensors", std::string(as_text(file)));
  const PeftFolder adapter = small_adapter();
  write_merged(place_ / "base", adapter, place_ / "merged");
  const Safetensors merged = Safetensors::open(place_ / "merged").value();
  EXPECT_EQ(merged.tensors().at("bert.ids").dtype, DType::i64);
  EXPECT_EQ(merged.tensors().count("cls.predictions.bias"), 0U);
  EXPECT_EQ(merged.tensors().count("bert.cls.predictions.bias"), 0U);
  EXPECT_EQ(merged.tensors().at("classifier.weight").dtype, DType::f32);
  const TensorView& weight = merged.tensors().at("bert.encoder.up.weight");
  ASSERT_EQ(weight.dtype, DType::bf16);
  std::vector<float> exact(15, 1.0F);
  add_scaled_product(exact, adapter.state.tensor("base_model.model.bert.encoder.up.lora_B.weight"),
                     adapter.state.tensor("base_model.model.bert.encoder.up.lora_A.weight"),
                     {.out = 5, .in = 3, .rank = 2}, 3);
  const std::vector<float> rounded = widen(weight);
  for (std::size_t i = 0; i < 15; ++i) EXPECT_NEAR(rounded[i], exact[i], std::abs(exact[i]) / 256) << i;
}

TEST_F(MergeTest, NamesEveryTensorThatDoesNotFit) {
  PeftFolder adapter = small_adapter();
  const std::string root = "base_model.model.";
  adapter.state = StateDict::zeros(
      std::make_shared<const Manifest>(Manifest::build({{root + "bert.encoder.up.lora_A.weight", {2, 4}},
                                                        {root + "bert.encoder.up.lora_B.weight", {5, 2}},
                                                        {root + "bert.encoder.none.lora_A.weight", {2, 4}},
                                                        {root + "bert.encoder.none.lora_B.weight", {5, 2}},
                                                        {root + "bert.pooler.weight", {2, 2}}})
                                           .value()));
  EXPECT_THAT(error_of(adapter), AllOf(HasSubstr("shape of bert.encoder.up.weight"),
                                       HasSubstr("no bert.encoder.none.weight"), HasSubstr("no bert.pooler.weight")));
  EXPECT_FALSE(std::filesystem::exists(place_ / "merged"));
  EXPECT_FALSE(std::filesystem::exists(place_ / "merged.tmp"));
}

TEST_F(MergeTest, RefusesFamiliesWithoutARuleAndFoldersThatHoldSomething) {
  write_file(place_ / "base/config.json", R"({"model_type": "mamba"})");
  EXPECT_THAT(error_of(small_adapter()), AllOf(HasSubstr("\"mamba\""), HasSubstr("bert")));
  write_small_base(place_ / "base");
  write_file(place_ / "merged/mine", "x");
  EXPECT_THAT(error_of(small_adapter()), HasSubstr("not empty"));
  EXPECT_EQ(read_file(place_ / "merged/mine"), "x");
}

TEST(HalfTest, RoundTripsEveryFiniteHalfAndRoundsTiesToEven) {
  std::vector<std::uint16_t> all;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits)
    if ((bits & 0x7c00) != 0x7c00) all.push_back(static_cast<std::uint16_t>(bits));
  const TensorView view{DType::f16, {static_cast<std::int64_t>(all.size())}, bytes_of<std::uint16_t>(all)};
  const Bytes back = narrow(widen(view), DType::f16);
  EXPECT_TRUE(std::equal(back.begin(), back.end(), view.bytes.begin()));
  const std::vector<float> values{1.0F + 0x1p-11F, 1.0F + 3 * 0x1p-11F, 65519.0F, 65520.0F, 0x1p-25F, 0x1.8p-25F};
  const std::vector<std::uint16_t> expected{0x3c00, 0x3c02, 0x7bff, 0x7c00, 0x0000, 0x0001};
  const Bytes rounded = narrow(values, DType::f16);
  EXPECT_TRUE(std::equal(rounded.begin(), rounded.end(), bytes_of<std::uint16_t>(expected).begin()));
}

}  // namespace
}  // namespace weft::checkpoint
