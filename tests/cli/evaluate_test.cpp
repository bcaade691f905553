// weft evaluate on tiny base models: classes that CLIP was not taught, and answers that a decoder gives.
#include <gtest/gtest.h>

#include <sstream>

#include "tests/cli/job_support.h"

namespace weft::cli {
namespace {

using nlohmann::json;

class EvaluateTest : public testing::Test {
 protected:
  void use(const std::string& model, const json& tokenizer) const {
    const std::filesystem::path fixture = std::filesystem::path(WEFT_SOURCE_DIR) / "tests/fixtures/models" / model;
    std::filesystem::copy(fixture, place_ / "model");
    spit(place_ / "model/tokenizer.json", tokenizer.dump());
    spit(place_ / "model/tokenizer_config.json", json{{"eos_token", "</s>"}}.dump());
  }
  void write_run(const std::string& task, const std::string& data) const {
    spit(place_ / "run.yaml", "run: tiny\nmodel: {path: model}\ntask: " + task +
                                  "\nadapter: {rank: 2, target_modules: [q_proj]}\n"
                                  "train: {local_steps: 1, batch_size: 2, learning_rate: 0.01}\n"
                                  "rounds: {count: 1, deadline: 10min}\nsites: [alder]\ndata: {" +
                                  data + ", sites: {by: file, files: {alder: data.jsonl}}}\n");
  }
  Ended evaluate(const Arguments& more) const {
    Arguments arguments{"evaluate",  "--base", "--config", (place_ / "run.yaml").string(),
                        "--data",    data(),   "--device", "cpu",
                        "--threads", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return weft(arguments);
  }
  json score(Arguments more) const {
    more.emplace_back("--json");
    const Ended ended = evaluate(more);
    EXPECT_EQ(ended.code, 0) << ended.err;
    return json::parse(ended.out, nullptr, false);
  }
  std::string data() const { return (place_ / "data.jsonl").string(); }

  TemporaryPlace place_;
};

class ZeroShotTest : public EvaluateTest {
 protected:
  ZeroShotTest() {
    use("clip_tiny", letter_tokenizer({"<s>", "</s>"}, "abcdefghijklmnopqrstuvwxyz "));
    spit(place_ / "model/preprocessor_config.json",
         json{{"image_processor_type", "CLIPImageProcessor"}, {"size", 19}, {"crop_size", 19}}.dump());
    write_run("{kind: image_text, max_tokens: 12}", "format: jsonl, image: image, text: caption");
    std::ostringstream lines;
    for (int i = 0; i < 12; ++i) {
      std::string grey;
      for (int pixel = 0; pixel < 9; ++pixel) grey += "0123456789abcdef"[(5 * i + 3 * pixel) % 16] + std::string("7");
      lines << json{{"image", {{"width", 3}, {"height", 3}, {"grey", grey}}},
                    {"caption", "c" + std::string(1, static_cast<char>('a' + i))},
                    {"kind", i % 3 == 0 ? "dark" : "pale"}}
                   .dump()
            << "\n";
    }
    spit(place_ / "data.jsonl", lines.str());
  }
};

TEST_F(ZeroShotTest, TellsTheClassesOfAColumnApart) {
  const json found = score({"--zero-shot", "kind", "--template", "{}"});
  EXPECT_EQ(found.at("labels"), (json{"dark", "pale"}));
  EXPECT_EQ(found.at("examples"), 12);
  const json& confusion = found.at("confusion");
  EXPECT_EQ(confusion[0][0].get<int>() + confusion[0][1].get<int>(), 4);
  EXPECT_EQ(confusion[1][0].get<int>() + confusion[1][1].get<int>(), 8);
  EXPECT_EQ(found.at("accuracy"), (confusion[0][0].get<double>() + confusion[1][1].get<double>()) / 12);
  // Other names for the columns of the same matrix.
  const json turned = score({"--zero-shot", "kind", "--template", "{}", "--labels", "pale,dark"}).at("confusion");
  for (int label = 0; label < 2; ++label)
    for (int guess = 0; guess < 2; ++guess) EXPECT_EQ(turned[1 - label][1 - guess], confusion[label][guess]);
}

TEST_F(ZeroShotTest, ReadsEveryTemplate) {
  const json own = score({"--zero-shot", "kind"}),
             photo = score({"--zero-shot", "kind", "--template", "a photo of a {}"});
  EXPECT_EQ(own.at("loss"), photo.at("loss")) << "the default";
  const json other = score({"--zero-shot", "kind", "--template", "{} z"});
  const json both = score({"--zero-shot", "kind", "--template", "a photo of a {}", "--template", "{} z"});
  EXPECT_NE(other.at("loss"), own.at("loss"));
  EXPECT_NE(both.at("loss"), own.at("loss"));
  EXPECT_NE(both.at("loss"), other.at("loss"));
}

TEST_F(ZeroShotTest, ShowsTheMatrix) {
  const Ended ended = evaluate({"--zero-shot", "kind"});
  for (const char* part : {"accuracy", "label \\ predicted", "dark", "pale"})
    EXPECT_NE(ended.out.find(part), std::string::npos) << part << " in " << ended.out;
}

TEST_F(ZeroShotTest, SaysWhatIsWrong) {
  expect_one_error(evaluate({"--zero-shot", "kind", "--labels", "dark,grey"}), 2, {"--labels", "\"pale\""});
  expect_one_error(evaluate({"--labels", "dark,pale"}), 2, {"--labels", "--zero-shot"});
  expect_one_error(evaluate({"--zero-shot", "kind", "--template", "a photo"}), 2, {"{}"});
  expect_one_error(evaluate({"--generate", "3"}), 2, {"--generate", "task.template"});
}

class AnswersTest : public EvaluateTest {
 protected:
  AnswersTest() {
    use("qwen3_tiny", letter_tokenizer({"<s>", "</s>", "<|im_start|>", "<|im_end|>"},
                                       "abcdefghijklmnopqrstuvwxyz \nABCDEFGHIJKLMNOPQRSTUVWXYZ012345"));
    write_run("{kind: causal_lm, template: chatml, max_tokens: 96}", "format: jsonl, messages: messages");
  }
  std::string answer_to(const std::string& question) const {
    const Ended ended = weft({"generate", (place_ / "model").string(), "--chat", question, "--template", "chatml",
                              "--max-new-tokens", "9", "--device", "cpu", "--threads", "1", "--json"});
    EXPECT_EQ(ended.code, 0) << ended.err;
    return json::parse(ended.out, nullptr, false).at("text");
  }
};

// The expected answers are what weft generate says, but for one.
TEST_F(AnswersTest, CountsThoseThatAreAsExpected) {
  std::string lines;
  for (const std::string question : {"ab", "cde", "fgh i", "jk"}) {
    const std::string answer = question == "cde" ? "another" : answer_to(question);
    lines +=
        json{{"messages", {{{"role", "user"}, {"content", question}}, {{"role", "assistant"}, {"content", answer}}}}}
            .dump() +
        "\n";
  }
  spit(place_ / "data.jsonl", lines);
  const Arguments nine{"--max-new-tokens", "9", "--generate"};
  const auto exact = [&](const char* count) {
    Arguments arguments = nine;
    arguments.emplace_back(count);
    return score(arguments).at("exact_match").get<double>();
  };
  EXPECT_EQ(exact("1"), 1);
  EXPECT_EQ(exact("2"), 0.5);
  EXPECT_EQ(exact("100"), 0.75);
  const json without = score({});
  EXPECT_FALSE(without.contains("exact_match"));
  EXPECT_TRUE(without.contains("perplexity"));
  expect_one_error(evaluate({"--zero-shot", "messages"}), 2, {"--zero-shot", "image_text"});
}

}  // namespace
}  // namespace weft::cli
