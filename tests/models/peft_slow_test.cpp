// PEFT folders that scripts/make_peft_folders.py makes on the spot, and a BERT without a pooler: both ways, read and
// written, against the installed PEFT and transformers.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/base/file.h"
#include "common/checkpoint/merge.h"
#include "common/tensor/safetensors.h"
#include "tests/models/adapter_support.h"
#include "tests/models/reference_support.h"

namespace weft::models {
namespace {

struct Case {
  const char* name;
  const char* base;
  bool language() const { return std::string(base) != "bert_tiny"; }
  TaskKind task() const { return language() ? TaskKind::causal_lm : TaskKind::sequence_classification; }
};

const std::vector<Case> kCases{{"exclude_names", "bert_tiny"},
                               {"exclude_regex", "bert_tiny"},
                               {"layers_pattern", "bert_tiny"},
                               {"feedforward_regex", "bert_tiny"},
                               {"olora", "bert_tiny"},
                               {"torch_file", "bert_tiny"},
                               {"embedding", "bert_tiny"},
                               {"embedding_whole", "bert_tiny"},
                               {"head", "llama_tiny"},
                               {"tokens", "llama_tiny"},
                               {"tokens_and_head_whole", "llama_tiny"},
                               {"tied_head", "gpt2_tiny"},
                               {"tied_tokens", "gpt2_tiny"},
                               {"tied_tokens_whole", "gpt2_tiny"}};

at::Tensor adapted_logits(const Model& model, const nn::Packed& batch, const StateDict& state) {
  return logits_for_task(model, batch, nn::Trainable(state, at::kCPU, false));
}

// Logits of each job as the reference computes them, in the jobs' order.
nlohmann::json reference(const nlohmann::json& jobs, const OwnFolder& place) {
  EXPECT_TRUE(write_atomic(place / "jobs.json", as_bytes(jobs.dump())));
  return nlohmann::json::parse(run_reference("reference_logits.py", place / "jobs.json", place / "errors"), nullptr,
                               false);
}

void expect_logits(const nlohmann::json& answer, const at::Tensor& expected) {
  const auto logits = answer.at("logits").get<std::vector<double>>();
  const at::Tensor flat = expected.contiguous().view(-1);
  ASSERT_EQ(std::ssize(logits), flat.numel());
  for (std::int64_t i = 0; i < flat.numel(); ++i)
    ASSERT_NEAR(logits[static_cast<std::size_t>(i)], flat[i].item().toDouble(), 1e-4) << "logit " << i;
}

// Read it computes what PEFT does, forward and backward; written again PEFT computes the same with it; merged it is the
// same model to us and to transformers.
TEST(PeftFoldersTest, ComeComputeAndGo) {
  if (!has_reference()) GTEST_SKIP() << kNoReference;
  const OwnFolder place;
  run_reference("make_peft_folders.py", place / "peft", place / "errors");
  nlohmann::json jobs = nlohmann::json::array();
  std::vector<at::Tensor> expected;
  for (const Case& tested : kCases) {
    SCOPED_TRACE(tested.name);
    const std::filesystem::path folder = place / (std::string("peft/") + tested.name), base = fixture(tested.base),
                                ours = place / (std::string("ours/") + tested.name),
                                merged = place / (std::string("merged/") + tested.name),
                                wide = place / (std::string("base/") + tested.base);
    if (!std::filesystem::exists(wide)) copy_in_fp32(base, wide);
    const AdapterGolden golden(folder);
    const auto model = golden.load(base, tested.task(), 2);
    expect_golden(golden, *model);

    write_peft_folder(ours, golden.peft);
    const StateDict start = model->initial_state(Rng(1));
    write_merged(wide, checkpoint::without_changed_base(golden.peft, start), merged);
    const auto whole = load_as_it_is(merged, tested.task(), 2);
    EXPECT_LT(largest_difference(adapted_logits(*whole, golden.golden.batch, whole->initial_state(Rng(1))),
                                 golden.golden.tensors.at("logits")),
              2e-5);
    for (const bool with_peft : {true, false}) {
      jobs.push_back({{"fixture", (folder / "golden.safetensors").string()},
                      {"base", (with_peft ? wide : merged).string()},
                      {"adapter", with_peft ? nlohmann::json(ours.string()) : nlohmann::json()},
                      {"task", name_of(tested.task())}});
      expected.push_back(golden.golden.tensors.at("logits"));
    }
  }
  const nlohmann::json answers = reference(jobs, place);
  ASSERT_EQ(answers.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    SCOPED_TRACE(jobs.at(i).dump());
    expect_logits(answers.at(i), expected[i]);
  }
}

// Many checkpoints that embed sentences are so. The head trains a pooler with it by itself, and the folder has both.
TEST(PeftFoldersTest, APoolerThatTheCheckpointLacksGoesWithTheHead) {
  if (!has_reference()) GTEST_SKIP() << kNoReference;
  const OwnFolder place;
  copy_in_fp32(fixture("bert_tiny"), place / "base");
  const Safetensors whole = Safetensors::open(place / "base").value();
  std::vector<NamedTensor> tensors;
  for (const auto& [name, view] : whole.tensors())
    if (name.find("pooler") == std::string::npos) tensors.push_back({name, view});
  ASSERT_LT(tensors.size(), whole.tensors().size());
  const Bytes file = to_safetensors(tensors, {{"format", "pt"}});
  ASSERT_TRUE(write_atomic(place / "base/model.safetensors", file));

  const auto model = load_model({.folder = place / "base",
                                 .labels = numbered_labels(2),
                                 .adapter = {.target_modules = {.names = {"query"}}},
                                 .base_dropout = 0});
  const checkpoint::PeftFolder adapter{
      .config = {.base_model = (place / "base").string(), .task = model->task(), .adapter = model->adapter()},
      .state = model->initial_state(Rng(3)),
      .facts = {}};
  write_peft_folder(place / "adapter", adapter);
  write_merged(place / "base", adapter, place / "merged");
  const std::filesystem::path texts = fixtures() / "models/bert_tiny_query_value.safetensors";
  const at::Tensor expected = adapted_logits(*model, Golden(texts).batch, adapter.state);
  const nlohmann::json answers = reference(
      {{{"fixture", texts.string()}, {"base", (place / "base").string()}, {"adapter", (place / "adapter").string()}},
       {{"fixture", texts.string()}, {"base", (place / "merged").string()}, {"adapter", nullptr}}},
      place);
  ASSERT_EQ(answers.size(), 2U);
  for (const nlohmann::json& answer : answers) expect_logits(answer, expected);
}

}  // namespace
}  // namespace weft::models
