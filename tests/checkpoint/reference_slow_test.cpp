// Do PEFT and transformers take what we write? Adapter and merged folders loaded by the installed reference must give
// the logits of the golden files, which are those of our own forward pass to 1e-5 (tests/models/bert_parity_test.cpp).
// Set WEFT_REFERENCE_PYTHON to a Python that has transformers and peft.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/checkpoint/merge.h"
#include "common/checkpoint/peft_folder.h"
#include "common/tensor/safetensors.h"
#include "tests/checkpoint/checkpoint_support.h"

namespace weft::checkpoint {
namespace {

struct Case {
  std::string name;  // of the golden file
  std::string base;  // folder below the project's
  std::int64_t rank;
  std::vector<std::string> targets;
};

std::vector<float> values_of(const TensorView& view) {
  std::vector<float> values(view.bytes.size() / sizeof(float));
  std::memcpy(values.data(), view.bytes.data(), view.bytes.size());
  return values;
}

const std::filesystem::path kSource = WEFT_SOURCE_DIR;

std::filesystem::path base_of(const Case& tested) { return kSource / tested.base; }

std::filesystem::path golden_of(const Case& tested) {
  return kSource / "tests/fixtures/models" / (tested.name + ".safetensors");
}

// The golden file's adapter.
PeftFolder adapter_of(const Case& tested) {
  const Safetensors file = Safetensors::open(golden_of(tested)).value();
  const std::string prefix = "adapter/";
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes;
  for (const auto& [name, view] : file.tensors())
    if (name.starts_with(prefix)) shapes.emplace_back(name.substr(prefix.size()), view.shape);
  PeftFolder folder{.config = {.base_model = base_of(tested).string(),
                               .adapter = {.target_modules = {.names = tested.targets},
                                           .modules_to_save = {{"classifier"}},
                                           .rank = tested.rank,
                                           .alpha = 2.0 * static_cast<double>(tested.rank)}},
                    .state = StateDict::zeros(std::make_shared<const Manifest>(Manifest::build(shapes).value())),
                    .facts = AdapterFacts{.run = "test", .run_id = "1", .labels = {"negative", "positive"}}};
  for (const TensorSpec& spec : folder.state.manifest->tensors()) {
    const std::vector<float> values = values_of(file.tensors().at(prefix + spec.name));
    std::copy(values.begin(), values.end(), folder.state.tensor(spec.name).begin());
  }
  return folder;
}

// One Python process for all folders: importing the reference takes longer than anything that it then does.
nlohmann::json reference(const std::string& python, const nlohmann::json& jobs, const TemporaryFolder& place) {
  write_file(place / "jobs.json", jobs.dump());
  const std::string command = "'" + python + "' '" + (kSource / "scripts/reference_logits.py").string() + "' '" +
                              (place / "jobs.json").string() + "' 2>'" + (place / "errors").string() + "'";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  std::string output;
  std::array<char, 4096> part{};
  while (const std::size_t size = std::fread(part.data(), 1, part.size(), pipe)) output.append(part.data(), size);
  EXPECT_EQ(::pclose(pipe), 0) << command << "\n" << read_file(place / "errors");
  return nlohmann::json::parse(output, nullptr, false);
}

void expect_logits(const nlohmann::json& answer, const std::filesystem::path& golden) {
  const std::vector<float> expected = values_of(Safetensors::open(golden).value().tensors().at("logits"));
  ASSERT_EQ(answer.at("logits").size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(answer.at("logits").at(i).get<double>(), expected[i], 1e-4) << "logit " << i;
}

TEST(ReferenceLoadsTest, AdapterAndMergedFoldersGiveTheGoldenLogits) {
  const char* python = std::getenv("WEFT_REFERENCE_PYTHON");
  if (python == nullptr) GTEST_SKIP() << "WEFT_REFERENCE_PYTHON names no Python with transformers and peft";
  std::vector<Case> cases{
      {"bert_tiny_query_value", "tests/fixtures/models/bert_tiny", 8, {"query", "value"}},
      {"bert_tiny_all_linear", "tests/fixtures/models/bert_tiny", 2, {"query", "key", "value", "dense"}},
      {"minilm_query_value", ".deps/models/all-MiniLM-L6-v2", 1, {"query", "value"}}};
  if (!std::filesystem::exists(base_of(cases.back()) / "model.safetensors")) cases.pop_back();  // not fetched

  const TemporaryFolder place;
  nlohmann::json jobs;
  for (const Case& tested : cases) {
    const auto adapter = place / (tested.name + "_adapter"), merged = place / (tested.name + "_merged");
    write_peft_folder(adapter, adapter_of(tested));
    write_merged(base_of(tested), adapter_of(tested), merged);
    const std::string fixture = golden_of(tested).string();
    jobs.push_back({{"fixture", fixture}, {"base", base_of(tested).string()}, {"adapter", adapter.string()}});
    jobs.push_back({{"fixture", fixture}, {"base", merged.string()}, {"adapter", nullptr}});
  }
  const nlohmann::json answers = reference(python, jobs, place);
  ASSERT_EQ(answers.size(), 2 * cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(cases[i].name);
    expect_logits(answers.at(2 * i), golden_of(cases[i]));
    expect_logits(answers.at(2 * i + 1), golden_of(cases[i]));
    EXPECT_EQ(answers.at(2 * i + 1).at("labels"), (nlohmann::json{"negative", "positive"}));
  }
}

// PEFT's folder of each method, read and written again by us, loads in PEFT; merged it loads in transformers. PiSSA's
// cannot be merged without what it began with.
TEST(ReferenceLoadsTest, EveryMethodComesBackAsPeftHasIt) {
  const char* python = std::getenv("WEFT_REFERENCE_PYTHON");
  if (python == nullptr) GTEST_SKIP() << "WEFT_REFERENCE_PYTHON names no Python with transformers and peft";
  const std::filesystem::path base = kSource / "tests/fixtures/models/bert_tiny";
  const TemporaryFolder place;
  nlohmann::json jobs;
  std::vector<std::filesystem::path> goldens;
  for (const auto& method : std::filesystem::directory_iterator(kSource / "tests/fixtures/adapters")) {
    const std::string name = method.path().filename().string();
    const PeftFolder adapter = read_peft_folder(method.path()).value();
    write_peft_folder(place / name, adapter);
    jobs.push_back({{"fixture", (method.path() / "golden.safetensors").string()},
                    {"base", base.string()},
                    {"adapter", (place / name).string()}});
    goldens.push_back(method.path() / "golden.safetensors");
    if (adapter.config.adapter.init == LoraInit::pissa) continue;
    write_merged(base, adapter, place / (name + "_merged"));
    jobs.push_back(
        {{"fixture", goldens.back().string()}, {"base", (place / (name + "_merged")).string()}, {"adapter", nullptr}});
    goldens.push_back(goldens.back());
  }
  ASSERT_GE(goldens.size(), 17U);
  const nlohmann::json answers = reference(python, jobs, place);
  ASSERT_EQ(answers.size(), goldens.size());
  for (std::size_t i = 0; i < goldens.size(); ++i) {
    SCOPED_TRACE(jobs.at(i).dump());
    expect_logits(answers.at(i), goldens[i]);
  }
}

}  // namespace
}  // namespace weft::checkpoint
