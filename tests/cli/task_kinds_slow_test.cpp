// What each kind of task reads reaches a site's process whole: one process a site gives the bits of one process.
#include <gtest/gtest.h>

#include <functional>

#include "common/base/rng.h"
#include "tests/cli/job_support.h"

namespace weft::cli {
namespace {

using nlohmann::json;

struct Kind {
  std::string name, model, task, modules, data;
  std::function<std::string(RngStream&)> line;  // of a site's data file
  std::string head;
  friend void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }
};

std::string word(RngStream& random, const std::string& letters) {
  std::string text;
  for (std::uint64_t i = 0, length = 2 + random.below(4); i < length; ++i)
    text += letters[random.below(letters.size())];
  return text;
}

std::string conversation(RngStream& random) {
  json messages = json::array();
  for (const char* role : {"user", "assistant", "user", "assistant"})
    messages.push_back({{"role", role}, {"content", word(random, "abcd") + " " + word(random, "efgh")}});
  return json{{"messages", messages}}.dump();
}

std::string tagged_words(RngStream& random) {
  json words = json::array(), tags = json::array();
  for (std::uint64_t i = 0, count = 2 + random.below(5); i < count; ++i) {
    const bool name = random.below(2) == 1;
    words.push_back(word(random, name ? "xyz" : "abc"));
    tags.push_back(name ? "NAME" : "O");
  }
  return json{{"words", words}, {"tags", tags}}.dump();
}

// Nine grey pixels and the class.
std::string picture(RngStream& random) {
  const std::uint64_t bright = random.below(2);
  std::string line;
  for (int i = 0; i < 9; ++i) line += std::to_string(100 * bright + random.below(100)) + ",";
  return line + std::to_string(bright);
}

std::string topics(RngStream& random) {
  const std::uint64_t drawn = random.below(4);
  return std::string(drawn % 2 == 1 ? "warm" : "") + (drawn == 3 ? "," : "") + (drawn / 2 == 1 ? "loud" : "") + "\t" +
         word(random, "abcdefgh") + "\t" + word(random, "stuvwxyz");
}

const std::vector<Kind> kKinds{
    {"Conversations", "llama_tiny", "{kind: causal_lm, template: chatml, max_tokens: 96}", "all-linear",
     "format: jsonl", conversation, ""},
    {"Documents", "llama_tiny", "{kind: causal_lm, max_tokens: 16}", "[q_proj]", "format: text, documents: lines",
     [](RngStream& random) { return word(random, "abcd") + " " + word(random, "abcd"); }, ""},
    {"Images", "vit_tiny", "{kind: image_classification, labels: [dark, bright, none]}", "[q_proj, v_proj]",
     "format: pixels, pixels: {width: 3, height: 3, white: 255}", picture, ""},
    {"Tags", "bert_tiny", "{kind: token_classification, labels: [O, person], max_tokens: 16}", "[query, value]",
     "format: jsonl, label: {map: {O: O, NAME: person}}", tagged_words, ""},
    {"Topics", "bert_tiny",
     "{kind: sequence_classification, labels: [warm, loud], problem: multi_label, max_tokens: 24}", "[query]",
     "format: tsv, text: one, text_pair: two, label: {column: about}", topics, "about\tone\ttwo\n"},
};

const json kPreprocessor{{"image_processor_type", "ViTImageProcessor"}, {"size", {{"height", 23}, {"width", 23}}}};

class TaskKindTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    const Kind& kind = GetParam();
    if (kind.model != "bert_tiny") {
      const std::filesystem::path fixture = std::filesystem::path(WEFT_SOURCE_DIR) / "tests/fixtures/models";
      for (const char* name : {"config.json", "model.safetensors"})
        spit(job_.model() / name, slurp(fixture / kind.model / name));
      spit(job_.model() / "tokenizer.json",
           letter_tokenizer({"<s>", "</s>", "<|im_start|>", "<|im_end|>"}, "abcdefghijklmnopqrstuvwxyz \n").dump());
      spit(job_.model() / "tokenizer_config.json", json{{"eos_token", "</s>"}}.dump());
      spit(job_.model() / "preprocessor_config.json", kPreprocessor.dump());
    }
    std::string files;
    for (const std::string& site : job_.sites) {
      RngStream random = Rng(5).stream("lines", site);
      std::string text = kind.head;
      for (int i = 0; i < 40; ++i) text += kind.line(random) + "\n";
      spit(job_.data_of(site), text);
      files.append(files.empty() ? "" : ", ").append(site + ": data/" + site + ".tsv");
    }
    spit(job_.run_file(),
         "run: kinds\nmodel: {path: model}\ntask: " + kind.task + "\nadapter: {rank: 2, target_modules: " +
             kind.modules + "}\ntrain: {local_steps: 3, batch_size: 4, learning_rate: 0.01}\n" +
             "rounds: {count: 2, deadline: 10min}\nsites: [alder, birch, cedar]\ndevice: cpu\ndata: {" + kind.data +
             ", split: {validation: 0.2, test: 0.2}, sites: {by: file, files: {" + files + "}}}\n");
  }

  Job job_;
};

TEST_P(TaskKindTest, HasTheSameBitsAsProcesses) {
  const Ended alone = job_.simulate("alone");
  ASSERT_EQ(alone.code, 0) << alone.out << alone.err;
  const Ended apart = job_.simulate("apart", {"--processes"});
  ASSERT_EQ(apart.code, 0) << apart.out << apart.err;
  EXPECT_EQ(job_.adapter_sha256("apart"), job_.adapter_sha256("alone"));
  EXPECT_EQ(job_.summary("apart").at("final"), job_.summary("alone").at("final"));
}

class ShortConversationsTest : public TaskKindTest {};

TEST_P(ShortConversationsTest, MustLeaveSomethingToLearn) {
  expect_one_error(job_.simulate("out", {"--set", "task.max_tokens=6"}), 2,
                   {"task.max_tokens: got 6", "none of", "anything to learn"});
}

INSTANTIATE_TEST_SUITE_P(One, ShortConversationsTest, testing::Values(kKinds[0]));
INSTANTIATE_TEST_SUITE_P(AllKinds, TaskKindTest, testing::ValuesIn(kKinds),
                         [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace weft::cli
