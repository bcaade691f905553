// weft generate on a tiny model with a tokenizer of single letters.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/cli/job_support.h"

namespace weft::cli {
namespace {

using nlohmann::json;

const std::string kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

class GenerateTest : public testing::Test {
 protected:
  GenerateTest() {
    std::filesystem::copy(std::filesystem::path(WEFT_SOURCE_DIR) / "tests/fixtures/models/llama_tiny", model());
    std::ofstream(place_ / "model/tokenizer.json") << letter_tokenizer({"<s>", "</s>"}, kLetters);
    std::ofstream(place_ / "model/tokenizer_config.json") << json{{"eos_token", "</s>"}};
  }

  std::filesystem::path model() const { return place_ / "model"; }
  Ended generate(Arguments more) const {
    Arguments arguments{"generate", model().string(), "--device", "cpu", "--threads", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return weft(arguments);
  }
  std::vector<json> lines(Arguments more) const {
    more.emplace_back("--json");
    const Ended ended = generate(std::move(more));
    EXPECT_EQ(ended.code, 0) << ended.err;
    std::vector<json> found;
    std::istringstream in(ended.out);
    for (std::string line; std::getline(in, line);) found.push_back(json::parse(line));
    return found;
  }

  TemporaryPlace place_;
};

TEST_F(GenerateTest, StreamsWhatJsonHolds) {
  const std::vector<json> found = lines({"--prompt", "hello", "--max-new-tokens", "12"});
  ASSERT_EQ(found.size(), 1u);
  const std::string text = found[0]["text"];
  EXPECT_EQ(found[0]["prompt"], "hello");
  EXPECT_LE(found[0]["tokens"], 12);
  EXPECT_EQ(text.size(), found[0]["tokens"]);  // a letter each
  EXPECT_EQ(generate({"--prompt", "hello", "--max-new-tokens", "12"}).out, text + "\n");
}

TEST_F(GenerateTest, EndsBeforeAStopString) {
  const std::string text = lines({"--prompt", "hello", "--max-new-tokens", "12"})[0]["text"];
  ASSERT_GE(text.size(), 5u);
  const std::string stop = text.substr(2, 3);
  const json stopped = lines({"--prompt", "hello", "--max-new-tokens", "12", "--stop", stop})[0];
  EXPECT_EQ(stopped["text"], text.substr(0, text.find(stop)));
  EXPECT_EQ(stopped["stop"], "stop_string");
}

// As transformers has it: generation_config.json where there is one, else config.json; a number or a list.
TEST_F(GenerateTest, EndsAtEachEndTokenThatTheModelDeclares) {
  const Arguments asks{"--prompt", "hello", "--max-new-tokens", "12"};
  const std::string text = lines(asks)[0]["text"];
  const std::size_t last = text.find_first_not_of(text[0]);
  ASSERT_LT(last, text.size()) << text;
  const auto id_of = [](char letter) { return 2 + kLetters.find(letter); };
  const auto declare = [&](const char* file, const json& ids) {
    json config = json::object();
    if (std::ifstream before(model() / file); before) config = json::parse(before);
    config["eos_token_id"] = ids;
    std::ofstream(model() / file) << config;
  };
  const auto ends_at = [&](std::size_t length) {
    const json found = lines(asks)[0];
    EXPECT_EQ(found["text"], text.substr(0, length));
    EXPECT_EQ(found["stop"], "stop_token");
  };
  declare("config.json", id_of(text[last]));
  ends_at(last);
  declare("config.json", {1, id_of(text[0])});
  ends_at(0);
  declare("generation_config.json", {1, id_of(text[last])});
  ends_at(last);
  declare("generation_config.json", -1);
  EXPECT_EQ(lines(asks)[0]["text"], text);
}

TEST_F(GenerateTest, AnswersManyLinesAPartAtATime) {
  // More than go at once, all alike: drawn, each comes out in its own way, and as many as there are.
  const Arguments draws{"--temperature", "2", "--max-new-tokens", "6", "--file", (place_ / "many.jsonl").string()};
  const auto found = [&](int count) {
    std::ofstream many(place_ / "many.jsonl");
    for (int i = 0; i < count; ++i)
      many << R"({"prompt": "abc"})"
           << "\n";
    many.close();
    return lines(draws);
  };
  const std::vector<json> all = found(11), less = found(10);
  ASSERT_EQ(all.size(), 11u);
  ASSERT_EQ(less.size(), 10u);
  std::set<std::string> texts;
  for (std::size_t i = 0; i < all.size(); ++i) texts.insert(all[i]["text"].get<std::string>());
  EXPECT_GT(texts.size(), 9u);
  for (std::size_t i = 0; i < less.size(); ++i) EXPECT_EQ(less[i], all[i]) << i;
}

TEST_F(GenerateTest, AnswersEachLineOfAFile) {
  std::ofstream(place_ / "prompts.jsonl") << R"({"prompt": "abc"})"
                                          << "\n\n"
                                          << R"({"prompt": "xyz"})"
                                          << "\n";
  const std::vector<json> found = lines({"--file", (place_ / "prompts.jsonl").string(), "--max-new-tokens", "5"});
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[1]["text"], lines({"--prompt", "xyz", "--max-new-tokens", "5"})[0]["text"]);
}

TEST_F(GenerateTest, DrawsBySeed) {
  const Arguments warm{"--prompt", "hello", "--max-new-tokens", "30", "--temperature", "2", "--seed"};
  const auto with_seed = [&](const char* seed) {
    Arguments arguments = warm;
    arguments.emplace_back(seed);
    return lines(arguments)[0]["text"];
  };
  EXPECT_EQ(with_seed("1"), with_seed("1"));
  EXPECT_NE(with_seed("1"), with_seed("2"));
}

TEST_F(GenerateTest, WarnsOfATemplateWhoseMarksAreNoTokens) {
  const Ended ended = generate({"--chat", "hello", "--template", "chatml", "--max-new-tokens", "2"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_NE(ended.err.find("<|im_start|>, <|im_end|>"), std::string::npos) << ended.err;
  EXPECT_NE(ended.err.find("letter by letter"), std::string::npos) << ended.err;
}

TEST_F(GenerateTest, SaysWhatIsWrong) {
  const auto expect_refused = [&](const Arguments& arguments, const std::string& part) {
    const Ended ended = generate(arguments);
    EXPECT_EQ(ended.code, 2) << ended.err;
    EXPECT_NE(ended.err.find(part), std::string::npos) << ended.err;
  };
  expect_refused({}, "--prompt, --chat or --file");
  expect_refused({"--chat", "hello"}, "--template NAME");
  expect_refused({"--chat", "hello", "--template", "checkpoint"}, "--template NAME");
  expect_refused({"--prompt", "hello", "--template", "chatml"}, "--template is for --chat");
  expect_refused({"--prompt", "hello", "--system", "Be brief."}, "--system is for --chat");
  expect_refused({"--prompt", "a", "--adapter", place_.path().string()}, "adapter_config.json");
  std::ofstream(place_ / "broken.jsonl") << "{\"prompt\": \"a\"}\n{\"prompt\": 3}\n";
  expect_refused({"--file", (place_ / "broken.jsonl").string()}, "broken.jsonl:2");
  EXPECT_EQ(weft({"generate", (place_ / "nowhere").string(), "--prompt", "a"}).code, 2);
}

}  // namespace
}  // namespace weft::cli
