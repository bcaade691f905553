// Adapter folders: round trips, PEFT's own file, whose folder may be replaced, and what is refused.
#include "common/checkpoint/peft_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/adapter/module_rules.h"
#include "common/base/digest.h"
#include "common/checkpoint/peft_json.h"
#include "common/tensor/half.h"
#include "common/tensor/safetensors.h"
#include "tests/checkpoint/checkpoint_support.h"

namespace weft::checkpoint {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string error_of(const std::filesystem::path& folder) {
  const auto adapter = read_peft_folder(folder);
  return adapter ? "" : adapter.error().message;
}

void change_config(const std::filesystem::path& folder, const std::string& key, const nlohmann::json& value) {
  auto config = nlohmann::json::parse(read_file(folder / "adapter_config.json"));
  config[key] = value;
  write_file(folder / "adapter_config.json", config.dump());
}

// Values are compared and shown by recursion, which a text of brackets alone would make endless.
TEST(PeftFolderTest, RefusesNestedConfigs) {
  const std::string deep = std::string(1 << 20, '[') + std::string(1 << 20, ']');
  const auto config = parse_peft_config(R"({"peft_type": "LORA", "arrow_config": )" + deep + "}");
  const auto facts = parse_adapter_facts(R"({"format": )" + deep + "}");
  ASSERT_FALSE(config || facts);
  EXPECT_THAT(config.error().message, HasSubstr("not a JSON object"));
  EXPECT_THAT(facts.error().message, HasSubstr("not a JSON object"));
}

TEST(PeftFolderTest, RoundTrips) {
  const TemporaryFolder place;
  PeftFolder adapter = small_adapter();
  adapter.facts->problem = "multi_label";
  write_peft_folder(place / "deep/adapter/", adapter);
  const PeftFolder back = read_peft_folder(place / "deep/adapter").value();
  EXPECT_EQ(back.state.values, adapter.state.values);
  EXPECT_EQ(*back.state.manifest, *adapter.state.manifest);
  EXPECT_EQ(back.config.base_model, "small");
  EXPECT_EQ(back.config.adapter.rank, 2);
  EXPECT_EQ(back.config.adapter.alpha, 6);
  EXPECT_EQ(scale_of(back.config.adapter, "x"), 3);
  EXPECT_EQ(back.config.adapter.dropout, 0.1);
  EXPECT_THAT(back.config.adapter.target_modules.names, ElementsAre("up", "down"));
  EXPECT_THAT(*back.config.adapter.modules_to_save, ElementsAre("classifier"));
  EXPECT_FALSE(back.config.adapter.rank_stabilized);
  ASSERT_TRUE(back.facts.has_value());
  EXPECT_THAT(back.facts->labels, ElementsAre("no", "yes"));
  EXPECT_EQ(back.facts->problem, "multi_label");
  EXPECT_EQ(back.facts->max_tokens, 16U);
  EXPECT_EQ(back.facts->version, 4U);
  EXPECT_FALSE(std::filesystem::exists(place / "deep/adapter.tmp"));
}

TEST(PeftFolderTest, RankStabilizedScaleRoundTrips) {
  const TemporaryFolder place;
  PeftFolder adapter = small_adapter();
  adapter.config.adapter.rank_stabilized = true;
  adapter.config.adapter.alpha = 0.5;
  write_peft_folder(place / "a", adapter);
  const AdapterConfig back = read_peft_folder(place / "a").value().config.adapter;
  EXPECT_TRUE(back.rank_stabilized);
  EXPECT_DOUBLE_EQ(scale_of(back, "x"), 0.5 / std::sqrt(2.0));
}

TEST(PeftFolderTest, RulesOfNamesRoundTrip) {
  const TemporaryFolder place;
  PeftFolder adapter = small_adapter();
  adapter.config.adapter.exclude_modules.pattern = ".*layer.0.*";
  adapter.config.adapter.layers_to_transform = {1};
  adapter.config.adapter.layers_pattern = {"layer", "h"};
  write_peft_folder(place / "a", adapter);
  EXPECT_EQ(read_peft_folder(place / "a").value().config.adapter, adapter.config.adapter);
  change_config(place / "a", "layers_pattern", "h");
  change_config(place / "a", "exclude_modules", {"up"});
  const AdapterConfig changed = read_peft_folder(place / "a").value().config.adapter;
  EXPECT_THAT(changed.layers_pattern, ElementsAre("h"));
  EXPECT_THAT(changed.exclude_modules.names, ElementsAre("up"));
  const auto scaled =
      parse_peft_config(R"({"peft_type": "IA3", "target_modules": ["key", "fc"], "feedforward_modules": ".*fc"})");
  EXPECT_EQ(scaled.value().adapter.feedforward_modules.pattern, ".*fc");
}

// What it began with is in the file; where that was taken out of the base there is no telling for a random start.
TEST(PeftFolderTest, StartsThatOnlyMatterToTrainingAreOneToUs) {
  const TemporaryFolder place;
  write_peft_folder(place / "a", small_adapter());
  for (const nlohmann::json& start : {nlohmann::json("eva"), nlohmann::json(false), nlohmann::json(true)}) {
    change_config(place / "a", "init_lora_weights", start);
    EXPECT_EQ(read_peft_folder(place / "a").value().config.adapter.init, LoraInit::standard);
  }
  change_config(place / "a", "init_lora_weights", "olora");
  EXPECT_TRUE(read_peft_folder(place / "a").value().config.adapter.changes_base());
  change_config(place / "a", "fan_in_fan_out", true);
  EXPECT_THAT(error_of(place / "a"), HasSubstr("fan_in_fan_out"));
  change_config(place / "a", "init_lora_weights", "pissa_niter_16");
  EXPECT_THAT(error_of(place / "a"), HasSubstr("path_initial_model_for_weight_conversion"));
}

TEST(PeftFolderTest, ReadsTensorsOfTorchWhereThereAreNoOthers) {
  const TemporaryFolder place;
  write_peft_folder(place / "a", small_adapter());
  std::filesystem::copy_file(std::filesystem::path(WEFT_SOURCE_DIR) / "tests/fixtures/torch_files/state_dict.bin",
                             place / "a/adapter_model.bin");
  EXPECT_EQ(error_of(place / "a"), "");
  std::filesystem::remove(place / "a/adapter_model.safetensors");
  EXPECT_THAT(error_of(place / "a"), HasSubstr("adapter_model.bin"));  // some other model's tensors
}

TEST(PeftFolderTest, ReadsWhatPeftWrote) {
  const PeftFolder adapter =
      read_peft_folder(std::filesystem::path(WEFT_SOURCE_DIR) / "tests/fixtures/models/bert_tiny_adapter").value();
  EXPECT_FALSE(adapter.facts.has_value());
  EXPECT_EQ(adapter.config.adapter.rank, 8);
  EXPECT_EQ(scale_of(adapter.config.adapter, "x"), 2);
  EXPECT_EQ(adapter.config.base_model, "bert_tiny");
  EXPECT_THAT(adapter.config.adapter.target_modules.names, testing::UnorderedElementsAre("query", "value"));
  EXPECT_THAT(*adapter.config.adapter.modules_to_save,
              ElementsAre("classifier", "score"));  // PEFT's own duplicates gone
  EXPECT_EQ(adapter.state.manifest->tensors().size(), 14U);
}

TEST(PeftFolderTest, ReplacesItsOwnRunAndNothingElse) {
  const TemporaryFolder place;
  PeftFolder adapter = small_adapter();
  write_peft_folder(place / "a", adapter);
  adapter.facts->version = 5;
  write_peft_folder(place / "a", adapter);
  EXPECT_EQ(read_peft_folder(place / "a").value().facts->version, 5U);

  PeftFolder other = small_adapter();
  other.facts->run_id = std::string(32, 'b');
  try {
    write_peft_folder(place / "a", other);
    FAIL() << "another run's adapter was overwritten";
  } catch (const ConfigError& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("another run (small-run"));
  }
  EXPECT_EQ(read_peft_folder(place / "a").value().facts->run_id, std::string(32, 'a'));

  write_file(place / "precious/thesis.txt", "ten years");
  EXPECT_THROW(write_peft_folder(place / "precious", adapter), ConfigError);
  EXPECT_EQ(read_file(place / "precious/thesis.txt"), "ten years");
  write_file(place / "file", "x");
  EXPECT_THROW(write_peft_folder(place / "file", adapter), ConfigError);
}

TEST(PeftFolderTest, RemovesWhatACrashLeft) {
  const TemporaryFolder place;
  write_file(place / "a.tmp/adapter_model.safetensors", "half");
  write_file(place / "a.tmp/other", "half");
  write_peft_folder(place / "a", small_adapter());
  EXPECT_TRUE(read_peft_folder(place / "a"));
  EXPECT_FALSE(std::filesystem::exists(place / "a/other"));
}

TEST(PeftFolderTest, RefusesVariantsThatComputeSomethingElse) {
  const std::pair<const char*, nlohmann::json> variants[] = {
      {"peft_type", "VERA"},
      {"peft_type", nullptr},
      {"bias", "some"},
      {"init_lora_weights", "corda"},
      {"init_lora_weights", "pissa_niter_4"},
      {"ensure_weight_tying", true},
      {"exclude_modules", "("},
      {"exclude_modules", {1}},
      {"layers_pattern", {"("}},
      {"lora_bias", true},
      {"rank_pattern", {{"query", "4"}}},
      {"alpha_pattern", {{"(", 4}}},
      {"layer_replication", nlohmann::json::array({1})},
      {"r", 0},
      {"r", "8"},
      {"lora_alpha", nullptr},
      {"lora_dropout", 1.0},
      {"target_modules", "("},
      {"modules_to_save", {1}},
      {"use_rslora", "yes"},
  };
  for (const auto& [key, value] : variants) {
    const TemporaryFolder place;
    write_peft_folder(place / "a", small_adapter());
    ASSERT_EQ(error_of(place / "a"), "");
    change_config(place / "a", key, value);
    EXPECT_THAT(error_of(place / "a"), AllOf(HasSubstr("adapter_config.json"), HasSubstr(key))) << value;
  }
}

TEST(PeftFolderTest, RefusesTensorsThatDoNotFit) {
  const std::string root = "base_model.model.x.";
  const auto error_for = [](std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes) {
    const TemporaryFolder place;
    PeftFolder adapter = small_adapter();
    write_peft_folder(place / "a", adapter);
    std::filesystem::remove(place / "a/weft.json");
    const StateDict state =
        StateDict::zeros(std::make_shared<const Manifest>(Manifest::build(std::move(shapes)).value()));
    write_file(place / "a/adapter_model.safetensors", std::string(as_text(to_safetensors(state))));
    return error_of(place / "a");
  };
  EXPECT_EQ(error_for({{root + "lora_A.weight", {2, 3}}, {root + "lora_B.weight", {3, 2}}}), "");
  EXPECT_THAT(error_for({{root + "lora_A.weight", {2, 3}}}), HasSubstr("no partner lora_B"));
  EXPECT_THAT(error_for({{root + "lora_B.weight", {3, 2}}}), HasSubstr("no partner lora_A"));
  EXPECT_THAT(error_for({{root + "lora_A.weight", {4, 3}}, {root + "lora_B.weight", {3, 4}}}), HasSubstr("rank 2"));
  EXPECT_THAT(error_for({{"x.lora_A.weight", {2, 3}}}), HasSubstr("does not begin with"));
  EXPECT_THAT(error_for({{root + "lora_magnitude_vector", {2}}}), HasSubstr("a variant of LoRA"));
  EXPECT_EQ(error_for({{root + "lora_embedding_A", {2, 9}},
                       {root + "lora_embedding_B", {3, 2}},
                       {root + "base_layer.weight", {9, 3}}}),
            "");
  EXPECT_EQ(error_for({{root + "lora_A.weight", {2, 3}},
                       {root + "lora_B.weight", {3, 2}},
                       {"base_model.model.model.embed_tokens.weight", {9, 3}}}),
            "");
  EXPECT_THAT(error_for({{root + "lora_embedding_A", {2, 9}}}), HasSubstr("no partner lora_embedding_B"));
  EXPECT_THAT(error_for({{root + "lora_embedding_A", {2, 9}},
                         {root + "lora_embedding_B", {3, 2}},
                         {root + "lora_magnitude_vector", {3}}}),
              HasSubstr("DoRA on an embedding"));
  EXPECT_THAT(error_for({{root + "lora_embedding_A", {2, 9}}, {root + "lora_embedding_B", {2, 3}}}),
              HasSubstr("rank 2"));
}

// PEFT would load what it has written beside the pair in the base's place; here the base must have it already.
TEST(PeftFolderTest, AWeightOfTheBaseInTheFileMustBeTheBases) {
  const TemporaryFolder place;
  const std::string root = "base_model.model.model.embed_tokens.";
  write_peft_folder(place / "a", small_adapter());
  std::filesystem::remove(place / "a/weft.json");
  StateDict state =
      StateDict::zeros(std::make_shared<const Manifest>(Manifest::build({{root + "lora_embedding_A", {2, 9}},
                                                                         {root + "lora_embedding_B", {3, 2}},
                                                                         {root + "base_layer.weight", {9, 3}}})
                                                            .value()));
  for (std::size_t i = 0; i < 27; ++i) state.tensor(root + "base_layer.weight")[i] = 1.0F / static_cast<float>(i + 3);
  write_file(place / "a/adapter_model.safetensors", std::string(as_text(to_safetensors(state))));
  const PeftFolder adapter = read_peft_folder(place / "a").value();
  EXPECT_EQ(adapter.state.manifest->tensors().size(), 2U);

  const std::span<const float> table = std::as_const(state).tensor(root + "base_layer.weight");
  std::vector<float> values(table.begin(), table.end());
  std::filesystem::create_directories(place / "base");
  const auto check = [&](const PeftFolder& checked) {
    const NamedTensor tensor{"embed_tokens.weight", {DType::f32, {9, 3}, bytes_of(std::span<const float>(values))}};
    write_file(place / "base/model.safetensors",
               std::string(as_text(to_safetensors(std::vector<NamedTensor>{tensor}, {}))));
    return check_base_copies(checked, place / "base");
  };
  EXPECT_TRUE(check(adapter));
  PeftFolder rounded = adapter;  // as PEFT writes it when the base was loaded in bf16
  rounded.base_copies.at(root + "base_layer.weight") = {
      .dtype = DType::bf16, .shape = {9, 3}, .digest = sha256_hex(narrow(values, DType::bf16))};
  EXPECT_TRUE(check(rounded));
  PeftFolder plain = adapter;  // save_embedding_layers, of an embedding that is not adapted
  plain.base_copies = {{"base_model.model.model.embed_tokens.weight", adapter.base_copies.begin()->second}};
  EXPECT_TRUE(check(plain));
  values[13] += 0.25F;
  for (const PeftFolder* changed : {&adapter, &std::as_const(rounded)}) {
    const Status found = check(*changed);
    ASSERT_FALSE(found);
    EXPECT_THAT(found.error().message, AllOf(HasSubstr("embed_tokens.base_layer.weight"), HasSubstr("does not have")));
  }
}

TEST(PeftFolderTest, SaysWhatIsMissingTornOrChanged) {
  const TemporaryFolder place;
  EXPECT_THAT(error_of(place / "none"), HasSubstr("adapter_config.json"));
  write_peft_folder(place / "a", small_adapter());
  std::string tensors = read_file(place / "a/adapter_model.safetensors");
  tensors.back() = static_cast<char>(tensors.back() ^ 1);
  write_file(place / "a/adapter_model.safetensors", tensors);
  EXPECT_THAT(error_of(place / "a"), HasSubstr("changed or is torn"));
  tensors.pop_back();
  write_file(place / "a/adapter_model.safetensors", tensors);
  EXPECT_NE(error_of(place / "a"), "");
  write_file(place / "a/adapter_config.json", "{\"peft_type\":");
  EXPECT_THAT(error_of(place / "a"), HasSubstr("not a JSON object"));
}

}  // namespace
}  // namespace weft::checkpoint
