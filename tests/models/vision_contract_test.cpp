// What ViT, DeiT and CLIP promise with every adapter method, with every naming of their tensors, and what their
// config.json may not say.
#include <ATen/ops/arange.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "common/adapter/family_names.h"
#include "common/adapter/module_rules.h"
#include "common/base/file.h"
#include "common/tensor/safetensors.h"
#include "tests/models/contract_support.h"
#include "tests/models/vision_support.h"

namespace weft::models {
namespace {

using nlohmann::json;
using testing::HasSubstr;

struct Base {
  const char* name;
  TaskKind task;
  std::int64_t side;
  Inputs inputs() const {
    Inputs inputs = packed_inputs({{3, 17, 49}, {11, 49}, {2, 9, 4, 21, 33, 6, 12, 49}});
    inputs.pixels_N3HW = drawn_pictures(3, side);
    return inputs;
  }
};
constexpr Base kVit{"vit_tiny", TaskKind::image_classification, 23},
    kDeit{"deit_tiny", TaskKind::image_classification, 17}, kClip{"clip_tiny", TaskKind::image_text, 19};

// Logits of pictures, or similarities of pictures and texts; and the loss of either.
at::Tensor output_of(const Base& base, const Model& model, const nn::Trainable& params) {
  return base.task == TaskKind::image_text ? contrastive_scores(model, params, base.inputs())
                                           : model.image_logits(base.inputs(), params, {});
}
at::Tensor loss_of(const Base& base, const at::Tensor& output) {
  return base.task == TaskKind::image_text ? contrastive_loss(output)
                                           : at::cross_entropy_loss(output, at::arange(3, at::kLong));
}

struct Method {
  const char* name;
  std::function<void(AdapterConfig&)> set;
};
const std::vector<Method> kMethods{
    {"lora", [](AdapterConfig&) {}},
    {"dora", [](AdapterConfig& config) { config.decomposed = true; }},
    {"biases", [](AdapterConfig& config) { config.bias = AdapterBias::all; }},
    {"pissa", [](AdapterConfig& config) { config.init = LoraInit::pissa; }},
    {"ia3",
     [](AdapterConfig& config) {
       config.method = AdapterMethod::ia3;
       config.feedforward_modules.names = {"fc2"};
     }},
    {"bitfit", [](AdapterConfig& config) { config = {.method = AdapterMethod::bitfit}; }},
    {"full", [](AdapterConfig& config) { config.method = AdapterMethod::full; }},
    {"everything",
     [](AdapterConfig& config) {
       config = {.method = AdapterMethod::full, .target_modules = {.names = {}, .pattern = ".*"}};
     }},
};

using Case = std::tuple<Base, Method>;

class VisionContractTest : public testing::TestWithParam<Case> {
 protected:
  const Base& base() const { return std::get<0>(GetParam()); }
  std::shared_ptr<const Model> load() const {
    ModelRequest request = vision_request(fixture(base().name), base().task);
    std::get<1>(GetParam()).set(request.adapter);
    return load_model(request);
  }
  std::shared_ptr<const Model> model_ = load();
};

TEST_P(VisionContractTest, AFreshAdapterLeavesTheOutputAsItWas) {
  const auto plain = load_vision(base().name, base().task);
  const at::Tensor expected = output_of(base(), *plain, nn::Trainable(plain->initial_state(Rng(3)), at::kCPU, false));
  const at::Tensor got = output_of(base(), *model_, nn::Trainable(model_->initial_state(Rng(3)), at::kCPU, false));
  EXPECT_LT(distance(got, expected), 2e-5);
}

TEST_P(VisionContractTest, StepsLowerTheLossAndReachWhatIsTrained) {
  expect_steps_reach_what_is_trained(*model_, [&](const Model& model, const nn::Trainable& params) {
    return loss_of(base(), output_of(base(), model, params));
  });
}

TEST_P(VisionContractTest, MergedItComputesTheSameUnderTheNamesOfTheFile) {
  const OwnFolder place;
  expect_merged_computes_the_same(
      *model_, fixture(base().name), place, 0.05, base().task == TaskKind::image_text ? 0 : 3,
      [&](const Model& model, const nn::Trainable& params) { return output_of(base(), model, params); });
  const auto before = Safetensors::open(place / "base").value(), after = Safetensors::open(place / "merged").value();
  EXPECT_TRUE(std::equal(before.tensors().begin(), before.tensors().end(), after.tensors().begin(),
                         after.tensors().end(), [](const auto& a, const auto& b) { return a.first == b.first; }));
}

INSTANTIATE_TEST_SUITE_P(Families, VisionContractTest,
                         testing::Combine(testing::Values(kVit, kDeit, kClip), testing::ValuesIn(kMethods)),
                         [](const auto& tested) {
                           return std::string(std::get<0>(tested.param).name) + "_" + std::get<1>(tested.param).name;
                         });

// A copy of a fixture with some of its tensors renamed or left out.
using Renaming = std::function<std::string(const std::string& name)>;  // empty: left out
void copy_renamed(const std::string& name, const std::filesystem::path& to, const Renaming& renaming) {
  std::filesystem::create_directories(to);
  std::filesystem::copy(fixture(name) / "config.json", to);
  const Safetensors base = Safetensors::open(fixture(name)).value();
  std::vector<NamedTensor> tensors;
  for (const auto& [from, view] : base.tensors())
    if (const std::string renamed = renaming(from); !renamed.empty()) tensors.push_back({renamed, view});
  if (!write_atomic(to / "model.safetensors", to_safetensors(tensors, {}))) FAIL() << "cannot write to " << to;
}

TEST(VisionNamesTest, FilesMayHaveTheNamesOfTransformers4OrOf5) {
  for (const Base& base : {kVit, kDeit}) {
    const OwnFolder place;
    const FamilyNames& names = *family_named(base.name == kVit.name ? "vit" : "deit");
    copy_renamed(base.name, place / "five", [&](const std::string& name) { return names.model_name(name); });
    const Safetensors file = Safetensors::open(place / "five").value();
    ASSERT_TRUE(file.tensors().contains(std::string(names.prefix) + "layers.1.attention.o_proj.weight"));
    ASSERT_TRUE(file.tensors().contains(std::string(names.prefix) + "layers.0.mlp.fc2.bias"));
    const auto four = load_vision(base.name, base.task), five = load_model(vision_request(place / "five", base.task));
    EXPECT_EQ(*four->manifest(), *five->manifest());
    const nn::Trainable params(drawn_state(four->manifest()), at::kCPU, false);
    EXPECT_EQ(distance(output_of(base, *four, params), output_of(base, *five, params)), 0);
  }
}

TEST(VisionNamesTest, ABareModelGetsANewHead) {
  const OwnFolder place;
  copy_renamed("vit_tiny", place / "bare",
               [](const std::string& name) { return name.starts_with("vit.") ? name.substr(4) : std::string(); });
  const auto bare = load_model(vision_request(place / "bare", kVit.task)), whole = load_vision("vit_tiny", kVit.task);
  EXPECT_EQ(*bare->manifest(), *whole->manifest());
  const nn::Trainable params(drawn_state(whole->manifest()), at::kCPU, false);
  EXPECT_EQ(distance(output_of(kVit, *bare, params), output_of(kVit, *whole, params)), 0);
}

TEST(VisionNamesTest, TheTeachersHeadsAreLeftOut) {
  const OwnFolder place;
  copy_renamed("deit_tiny", place / "distilled",
               [](const std::string& name) { return name.starts_with("classifier") ? "cls_" + name : name; });
  EXPECT_EQ(*load_model(vision_request(place / "distilled", kDeit.task))->manifest(),
            *load_vision("deit_tiny", kDeit.task)->manifest());
}

std::vector<std::string> whole_tensors(const Base& base, const std::vector<std::string>& saved) {
  ModelRequest request = vision_request(fixture(base.name), base.task);
  request.adapter.target_modules = {.names = {"q_proj"}, .pattern = {}};
  request.adapter.modules_to_save = saved;
  std::vector<std::string> names;
  const auto model = load_model(request);
  for (const TensorSpec& spec : model->manifest()->tensors())
    if (spec.name.find("lora_") == std::string::npos) names.push_back(spec.name.substr(kAdapterRoot.size()));
  return names;
}

TEST(VisionNamesTest, ModulesToSaveAreThoseOfPeft) {
  EXPECT_THAT(whole_tensors(kVit, {"classifier", "embeddings"}),
              testing::UnorderedElementsAre("classifier.weight", "classifier.bias", "vit.embeddings.cls_token",
                                            "vit.embeddings.position_embeddings",
                                            "vit.embeddings.patch_embeddings.projection.weight",
                                            "vit.embeddings.patch_embeddings.projection.bias"));
  EXPECT_THAT(whole_tensors(kVit, {"classifier", "patch_embeddings"}), testing::SizeIs(4));
  EXPECT_THAT(whole_tensors(kClip, {"visual_projection", "logit_scale"}),
              testing::UnorderedElementsAre("visual_projection.weight", "logit_scale"));
  EXPECT_THAT(whole_tensors(kClip, {}), testing::IsEmpty());
  EXPECT_THROW(whole_tensors(kClip, {"classifier_of_nothing"}), ConfigError);
}

std::shared_ptr<const Model> load_patched(const Base& base, const json& patch) {
  const OwnFolder place;
  std::filesystem::copy(fixture(base.name), place / "patched");
  json config = json::parse(read_text(place / "patched/config.json").value());
  config.merge_patch(patch);
  std::ofstream(place / "patched/config.json") << config;
  return load_model(vision_request(place / "patched", base.task));
}

TEST(VisionConfigTest, NamesWhatIsNotSupported) {
  const std::vector<std::tuple<Base, json, std::string>> cases{
      {kVit, {{"num_channels", 1}}, "\"num_channels\" is 1"},
      {kVit, {{"patch_size", 24}}, "\"patch_size\" 24 is larger than \"image_size\" 23"},
      {kVit, {{"num_attention_heads", 5}}, "width 24 is not a multiple of 5"},
      {kVit, {{"hidden_act", "mish"}}, "\"hidden_act\" is \"mish\""},
      {kVit, {{"image_size", 28}}, "vit.embeddings.position_embeddings"},
      {kDeit, {{"qkv_bias", true}}, "deit.layers.0.attention.q_proj.bias"},
      {kClip, {{"text_config", nullptr}}, "\"text_config\" is missing"},
      {kClip, {{"vision_config", {{"patch_size", 60}}}}, "\"patch_size\" 60"},
      {kClip, {{"text_config", {{"eos_token_id", {1, 2}}}}}, "\"eos_token_id\""},
  };
  for (const auto& [base, patch, named] : cases) {
    try {
      (void)load_patched(base, patch);
      ADD_FAILURE() << patch << " was taken";
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), HasSubstr(named)) << patch;
    }
  }
}

// Files from before transformers 4.30 may have it; it counts whole, with its own defaults.
TEST(VisionConfigTest, TheSecondSectionOfOldFilesCounts) {
  json section = json::parse(read_text(fixture("clip_tiny") / "config.json").value())["text_config"];
  section["hidden_act"] = "gelu";
  const auto model = load_patched(kClip, {{"text_config_dict", section}}), plain = load_vision("clip_tiny", kClip.task),
             gelu = load_patched(kClip, {{"text_config", {{"hidden_act", "gelu"}}}});
  const nn::Trainable params(drawn_state(model->manifest()), at::kCPU, false);
  const at::Tensor got = model->text_embeddings(kClip.inputs(), params, {});
  EXPECT_EQ(distance(got, gelu->text_embeddings(kClip.inputs(), params, {})), 0);
  EXPECT_GT(distance(got, plain->text_embeddings(kClip.inputs(), params, {})), 1e-4);
}

}  // namespace
}  // namespace weft::models
