// What a checkpoint or an adapter block gets told when it does not fit, and what a model says of its adapter.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "common/base/file.h"
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
              AllOf(HasSubstr("\"q_proj\""), HasSubstr("bert.encoder.layer.0.attention.self.query")));
  AdapterConfig pattern;
  pattern.target_modules.pattern = ".*q_proj";
  EXPECT_THAT(error_of(pattern), HasSubstr(".*q_proj"));
  AdapterConfig saved = targets({"query"});
  saved.modules_to_save = {{"classifier", "lm_head"}};
  EXPECT_THAT(error_of(saved), AllOf(HasSubstr("\"lm_head\""), HasSubstr("classifier")));
  AdapterConfig scaled{.method = AdapterMethod::ia3, .target_modules = {.names = {"key"}}};
  scaled.feedforward_modules.names = {"dense"};
  EXPECT_THAT(error_of(scaled), HasSubstr("feedforward_modules"));
}

TEST(BuilderTest, AHeadThatTheCheckpointLacksMustBeTrained) {
  AdapterConfig none = targets({"query"});
  none.modules_to_save.emplace();
  EXPECT_THAT(error_of(none), AllOf(HasSubstr("does not name classifier"), HasSubstr("Add it to the list")));
}

TEST(BuilderTest, RanksThatAStartCannotHave) {
  AdapterConfig odd = targets({"query"});
  odd.rank = 3;
  odd.init = LoraInit::orthonormal;
  EXPECT_THAT(error_of(odd), HasSubstr("even rank"));
  odd.rank = 33;
  odd.init = LoraInit::pissa;
  EXPECT_THAT(error_of(odd), HasSubstr("33"));
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
  EXPECT_THAT(error_of(asked), AllOf(HasSubstr("does not name bert.pooler.dense"), HasSubstr("Add it to the list")));
  asked.adapter.modules_to_save = {{"classifier", "pooler.dense"}};
  const auto model = load_model(asked);
  EXPECT_NE(model->manifest()->find("base_model.model.bert.pooler.dense.weight"), nullptr);
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
