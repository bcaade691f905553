// What a checkpoint or an adapter block gets told when it does not fit, and what a model says of its adapter.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "common/adapter/module_rules.h"
#include "common/base/file.h"
#include "common/checkpoint/merge.h"
#include "common/models/checkpoint.h"
#include "common/tensor/safetensors.h"
#include "tests/models/adapter_support.h"

namespace weft::models {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ModelRequest request(AdapterConfig adapter) {
  return {.folder = fixtures() / "families/bert/base", .labels = numbered_labels(3), .adapter = std::move(adapter)};
}

std::string error_of(const ModelRequest& asked) {
  try {
    load_model(asked);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}
std::string error_of(AdapterConfig adapter) { return error_of(request(std::move(adapter))); }

AdapterConfig targets(std::vector<std::string> names) { return {.target_modules = {.names = std::move(names)}}; }

TEST(BuilderTest, SaysWhichNamesFindNothing) {
  EXPECT_EQ(error_of(targets({"query"})), "");
  EXPECT_THAT(error_of(targets({"query", "q_proj"})),
              AllOf(HasSubstr("\"q_proj\""), HasSubstr("end in dense, key, query, value")));
  AdapterConfig pattern;
  pattern.target_modules.pattern = ".*q_proj";
  EXPECT_THAT(error_of(pattern), HasSubstr(".*q_proj"));
  AdapterConfig saved = targets({"query"});
  saved.modules_to_save = {{"classifier", "lm_head"}};
  EXPECT_THAT(error_of(saved), AllOf(HasSubstr("\"lm_head\""), HasSubstr("classifier")));
  saved.modules_to_save = {{"clasifier"}};
  EXPECT_THAT(error_of(saved), HasSubstr("\"clasifier\" is no module"));
  AdapterConfig scaled{.method = AdapterMethod::ia3, .target_modules = {.names = {"key"}}};
  scaled.feedforward_modules.names = {"dense"};
  EXPECT_THAT(error_of(scaled), HasSubstr("feedforward_modules"));
  scaled.feedforward_modules = {.pattern = "key"};  // fits no whole name
  EXPECT_THAT(error_of(scaled), AllOf(HasSubstr("feedforward_modules"), HasSubstr("fits \"key\"")));
  AdapterConfig excluded = targets({"query", "key"});
  excluded.exclude_modules.names = {"key"};
  EXPECT_EQ(error_of(excluded), "");
  excluded.exclude_modules.names = {"key", "query"};
  EXPECT_THAT(error_of(excluded), AllOf(HasSubstr("adapter.exclude_modules: leaves none"),
                                        HasSubstr("bert.encoder.layer.0.attention.self.key")));
  AdapterConfig beyond = targets({"query"});
  beyond.layers_to_transform = {1, 7};  // PEFT passes over those that are not there
  EXPECT_THAT(load_model(request(beyond))->notes(), ElementsAre(HasSubstr("layers_to_transform: no layer 7 has one")));
  beyond.layers_to_transform = {7};
  EXPECT_THAT(error_of(beyond), AllOf(HasSubstr("adapter.layers_to_transform: no layer 7 has one"),
                                      HasSubstr("bert.encoder.layer.1.attention.self.query")));
  EXPECT_THAT(error_of(targets({"querry"})), HasSubstr("did you mean query?"));
  EXPECT_THAT(error_of(targets({"all_linear"})), HasSubstr("did you mean all-linear?"));
  EXPECT_EQ(error_of(targets({"query", "classifier"})), "") << "as PEFT lists a head that is trained whole";
  ModelRequest from_folder = request(targets({"q_proj"}));
  from_folder.adapter_place = "/a/adapter_config.json: ";
  EXPECT_THAT(error_of(from_folder), HasSubstr("/a/adapter_config.json: target_modules: no linear layer of"));
  AdapterConfig decomposed = targets({"query", "word_embeddings"});
  decomposed.decomposed = true;
  EXPECT_THAT(error_of(decomposed), AllOf(HasSubstr("use_dora"), HasSubstr("word_embeddings")));
}

TEST(BuilderTest, AHeadThatTheCheckpointLacksMustBeTrained) {
  AdapterConfig none = targets({"query"});
  none.modules_to_save.emplace();
  EXPECT_THAT(error_of(none), AllOf(HasSubstr("does not name classifier"), HasSubstr("Add it to the list")));
}

TEST(BuilderTest, ThePaddingTokensRowIsNotTrained) {
  const auto model = load_model(request(targets({"query", "word_embeddings"})));
  StateDict state = model->initial_state(Rng(1));
  for (float& value : state.values) value = 0.01F;
  const nn::Trainable params(state, at::kCPU, true);
  at::Tensor loss = model->sequence_logits({.tokens = batch_from({{0, 5, 0, 7}})}, params, {}).square().sum();
  loss.backward();
  const at::Tensor gradient =
      params.leaf("base_model.model.bert.embeddings.word_embeddings.lora_embedding_A").grad().abs().sum(0);
  EXPECT_EQ(gradient[0].item().toFloat(), 0) << "the padding token's";
  EXPECT_GT(gradient[5].item().toFloat(), 0);
  EXPECT_EQ(gradient[6].item().toFloat(), 0) << "of a token that did not come";
}

TEST(BuilderTest, AStartCannotBeTakenOutOfATiedHead) {
  ModelRequest tied{.folder = fixtures() / "models/gpt2_tiny", .task = TaskKind::causal_lm};
  tied.adapter = targets({"lm_head"});
  EXPECT_EQ(error_of(tied), "");
  tied.adapter.init = LoraInit::pissa;
  EXPECT_THAT(error_of(tied), AllOf(HasSubstr("lm_head"), HasSubstr("tied to the table of tokens")));
}

TEST(BuilderTest, RanksThatAStartCannotHave) {
  AdapterConfig odd = targets({"query"});
  odd.rank = 3;
  odd.init = LoraInit::orthonormal;
  EXPECT_THAT(error_of(odd), HasSubstr("even rank"));
  odd.rank = 33;
  for (const LoraInit init : {LoraInit::pissa, LoraInit::olora}) {
    odd.init = init;
    EXPECT_THAT(error_of(odd), HasSubstr("33"));
  }
}

TEST(BuilderTest, ListsEveryTensorThatIsMissingExtraOrOfAnotherShape) {
  const OwnFolder place;
  copy_in_fp32(fixtures() / "families/bert/base", place / "base");
  const Safetensors whole = Safetensors::open(place / "base").value();
  const std::vector<float> values(6);
  const TensorView small{DType::f32, {2, 3}, bytes_of(std::span<const float>(values))};
  std::vector<NamedTensor> tensors{{"odd.weight", small}, {"pooler.dense.weight", small}};
  for (const auto& [name, view] : whole.tensors())
    if (name != "pooler.dense.weight" && name != "encoder.layer.1.output.dense.bias") tensors.push_back({name, view});
  ASSERT_TRUE(write_atomic(place / "base/model.safetensors", to_safetensors(tensors, {})));
  ModelRequest asked = request(targets({"query"}));
  asked.folder = place / "base";
  EXPECT_THAT(error_of(asked), AllOf(HasSubstr("missing:\n    bert.encoder.layer.1.output.dense.bias [16]"),
                                     HasSubstr("pooler.dense.weight: got [2, 3] of F32, expected [16, 16]"),
                                     HasSubstr("odd.weight [2, 3]")));
}

// A copy of the tiny BERT whose tensors `change` has changed.
void rewrite(const OwnFolder& place, const std::function<void(std::vector<NamedTensor>&)>& change) {
  copy_in_fp32(fixtures() / "families/bert/base", place / "base");
  const Safetensors whole = Safetensors::open(place / "base").value();
  std::vector<NamedTensor> tensors;
  for (const auto& [name, view] : whole.tensors()) tensors.push_back({name, view});
  change(tensors);
  const Bytes file = to_safetensors(tensors, {});
  ASSERT_TRUE(write_atomic(place / "base/model.safetensors", file));
}

TEST(BuilderTest, APoolerThatTheCheckpointLacksIsTrainedWithTheHead) {
  const OwnFolder place;
  rewrite(place, [](std::vector<NamedTensor>& tensors) {
    std::erase_if(tensors, [](const NamedTensor& tensor) { return tensor.name.starts_with("pooler."); });
  });
  ModelRequest asked = request(targets({"query"}));
  asked.folder = place / "base";
  using Names = std::vector<std::string>;
  for (const auto& saved : {std::optional<Names>(), std::optional(Names{"classifier"})}) {
    asked.adapter.modules_to_save = saved;
    const auto model = load_model(asked);
    EXPECT_NE(model->manifest()->find("base_model.model.bert.pooler.dense.weight"), nullptr);
    EXPECT_TRUE(is_saved_whole(*model->adapter().modules_to_save, "bert.pooler.dense"));
    EXPECT_THAT(model->notes(), ElementsAre(HasSubstr("has no bert.pooler.dense")));
  }
  asked.adapter.modules_to_save = {{"classifier", "pooler.dense"}};
  EXPECT_THAT(load_model(asked)->notes(), testing::IsEmpty());
  asked.adapter.modules_to_save.emplace();  // nothing is trained whole, so what is new would stay as it is
  EXPECT_THAT(error_of(asked), AllOf(HasSubstr("does not name bert.pooler.dense"), HasSubstr("Add it to the list")));
}

const std::vector<float> kZeros(512);
TensorView zeros(std::vector<std::int64_t> shape) {
  std::size_t size = 1;
  for (const std::int64_t axis : shape) size *= static_cast<std::size_t>(axis);
  return {DType::f32, std::move(shape), bytes_of(std::span<const float>(kZeros).first(size))};
}

TEST(BuilderTest, HeadsOfOtherTasksArePassedOverByName) {
  const OwnFolder place;
  rewrite(place, [](std::vector<NamedTensor>& tensors) {
    tensors.push_back({"qa_outputs.weight", zeros({2, 16})});
    tensors.push_back({"cls.predictions.bias", zeros({40})});
    tensors.push_back({"lm_head.bias", zeros({40})});
  });
  ModelRequest asked = request(targets({"query"}));
  asked.folder = place / "base";
  EXPECT_THAT(load_model(asked)->notes(),
              ElementsAre(AllOf(HasSubstr("passed over"), HasSubstr("qa_outputs.weight [2, 16]"),
                                HasSubstr("cls.predictions.bias [40]"), HasSubstr("lm_head.bias [40]"))));
  EXPECT_THAT(load_model(request(targets({"query"})))->notes(), testing::IsEmpty());
}

TEST(BuilderTest, AHeadForOtherLabelsGivesWayToAFreshOne) {
  const OwnFolder place;
  rewrite(place, [](std::vector<NamedTensor>& tensors) {
    tensors.push_back({"classifier.weight", zeros({5, 16})});
    tensors.push_back({"classifier.bias", zeros({5})});
  });
  ModelRequest asked = request(targets({"query"}));
  asked.folder = place / "base";
  asked.base_dropout = 0;
  const auto model = load_model(asked);
  EXPECT_THAT(model->notes(), ElementsAre(AllOf(HasSubstr("[5, 16]"), HasSubstr("needs [3, 16]"), HasSubstr("fresh"))));
  const StateDict start = model->initial_state(Rng(1));
  EXPECT_NE(start.tensor("base_model.model.classifier.weight")[0], 0);

  const checkpoint::PeftFolder adapter{
      .config = {.base_model = "base", .adapter = model->adapter()}, .state = start, .facts = {}};
  checkpoint::write_merged(place / "base", adapter, place / "merged");
  const auto merged = load_as_it_is(place / "merged", TaskKind::sequence_classification, 3);
  const nn::Packed batch = batch_from({{3, 17, 5}, {11}});
  const nn::Trainable params(start, at::kCPU, false), nothing(merged->initial_state(Rng(1)), at::kCPU, false);
  EXPECT_LT(largest_difference(logits_for_task(*model, batch, params), logits_for_task(*merged, batch, nothing)), 1e-5);

  asked.adapter.modules_to_save.emplace();
  EXPECT_THAT(error_of(asked), AllOf(HasSubstr("modules_to_save does not name classifier"), HasSubstr("[5, 16]"),
                                     HasSubstr("Add it to the list"), Not(HasSubstr("Fetch"))));
}

// A RoBERTa that classified sequences has a head of two layers by the name of the tokens' one.
TEST(BuilderTest, AHeadOfAnotherTaskByTheSameNameIsReplacedWhole) {
  const OwnFolder place;
  copy_in_fp32(fixtures() / "families/roberta/base", place / "plain");
  const Safetensors whole = Safetensors::open(place / "plain").value();
  std::vector<NamedTensor> tensors{{"classifier.dense.weight", zeros({16, 16})},
                                   {"classifier.dense.bias", zeros({16})},
                                   {"classifier.out_proj.weight", zeros({3, 16})},
                                   {"classifier.out_proj.bias", zeros({3})}};
  for (const auto& [name, view] : whole.tensors()) tensors.push_back({name, view});
  std::filesystem::create_directories(place / "base");
  std::filesystem::copy_file(place / "plain/config.json", place / "base/config.json");
  const Bytes file = to_safetensors(tensors, {});
  ASSERT_TRUE(write_atomic(place / "base/model.safetensors", file));
  const auto model = load_model({.folder = place / "base",
                                 .task = TaskKind::token_classification,
                                 .labels = numbered_labels(3),
                                 .adapter = targets({"query"})});
  EXPECT_THAT(model->notes(), ElementsAre(HasSubstr("classifier.out_proj.weight [3, 16]")));
  const checkpoint::PeftFolder adapter{
      .config = {.base_model = "base", .task = model->task(), .adapter = model->adapter()},
      .state = model->initial_state(Rng(1)),
      .facts = {}};
  checkpoint::write_merged(place / "base", adapter, place / "merged");
  const Safetensors merged = Safetensors::open(place / "merged").value();
  EXPECT_EQ(merged.tensors().count("classifier.weight"), 1U);
  EXPECT_EQ(merged.tensors().count("classifier.dense.weight"), 0U);
}

TEST(BuilderTest, AHeadInTheCheckpointTellsItsClassesInItsOwnOrder) {
  const OwnFolder place;
  const std::vector<float> zeros(48);
  rewrite(place, [&](std::vector<NamedTensor>& tensors) {
    const std::span<const float> all(zeros);
    tensors.push_back({"classifier.weight", {DType::f32, {3, 16}, bytes_of(all)}});
    tensors.push_back({"classifier.bias", {DType::f32, {3}, bytes_of(all.first(3))}});
  });
  const std::string config = read_text(place / "base/config.json").value();
  const std::string named =
      config.substr(0, config.rfind('}')) + R"(, "id2label": {"0": "Neg", "1": "Neu", "2": "Pos"}})";
  ASSERT_TRUE(write_atomic(place / "base/config.json", as_bytes(named)));
  ModelRequest asked = request(targets({"query"}));
  asked.folder = place / "base";
  for (const std::vector<std::string>& fine :
       {std::vector<std::string>{"neg", "neu", "pos"}, {"ham", "spam", "other"}}) {
    asked.labels = fine;
    EXPECT_EQ(error_of(asked), "");
  }
  asked.labels = {"pos", "neu", "neg"};
  EXPECT_THAT(error_of(asked), AllOf(HasSubstr("[neg, neu, pos]"), HasSubstr("[pos, neu, neg]"), HasSubstr("order")));
}

// Other tokens or other pixels are other inputs, so sites must not differ in them unnoticed.
TEST(CheckpointTest, TheDigestIsOfAllThatMakesInputsAndWeights) {
  const OwnFolder place;
  copy_in_fp32(fixtures() / "families/bert/base", place / "base");
  std::set<std::string> digests{Checkpoint(place / "base").digest()};
  for (const char* name : {"tokenizer.json", "preprocessor_config.json"})
    for (const char* text : {"{}", "{ }"}) {
      ASSERT_TRUE(write_atomic(place / "base" / name, as_bytes(text)));
      EXPECT_TRUE(digests.insert(Checkpoint(place / "base").digest()).second) << name << text;
    }
}

TEST(BuilderTest, AModelSaysWhatItsAdapterBecame) {
  AdapterConfig all;
  all.target_modules.all_linear = true;
  const auto model = load_model(request(all));
  EXPECT_THAT(model->adapter().modules_to_save.value(), ElementsAre("classifier"));
  EXPECT_EQ(model->adapter().target_modules.names.size(), 13U);  // six a layer, and the pooler; not the head
  EXPECT_FALSE(model->adapter().target_modules.all_linear);
  EXPECT_EQ(model->max_positions(), 24);
}

TEST(BuilderTest, TheSameSeedGivesTheSameStart) {
  for (const LoraInit init : {LoraInit::standard, LoraInit::gaussian, LoraInit::orthonormal}) {
    AdapterConfig config = targets({"query"});
    config.init = init;
    const auto model = load_model(request(config));
    EXPECT_EQ(model->initial_state(Rng(1)).values, model->initial_state(Rng(1)).values);
    EXPECT_NE(model->initial_state(Rng(1)).values, model->initial_state(Rng(2)).values);
  }
}

}  // namespace
}  // namespace weft::models
