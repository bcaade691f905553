// Conversations against what the families' own Jinja renders, and where the answers are in them.
#include "common/text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "tests/text/tokenizer_support.h"

namespace weft::text {
namespace {

using nlohmann::json;

std::vector<ChatMessage> messages_of(const json& conversation) {
  std::vector<ChatMessage> out;
  for (const auto& message : conversation) out.push_back({message["role"], message["content"]});
  return out;
}

TEST(ChatTemplateTest, SameAsTheJinja) {
  const auto all = read_json(fixture("../chat/renders.json"));
  ASSERT_EQ(all["renders"].size(), ChatTemplate::names().size() * all["conversations"].size() * 2);
  for (const auto& one : all["renders"]) {
    const auto chat = ChatTemplate::by_name(one[0].get<std::string>()).value();
    const auto ours = chat.render(messages_of(all["conversations"][one[1].get<std::size_t>()]),
                                  one[2] ? ChatEnd::open : ChatEnd::closed);
    // Llama 2's Jinja loses a system message in the middle; here it is refused.
    const bool loses_one = one[0] == "llama2" && one[1] == 13;
    EXPECT_EQ(ours ? json(ours.value().text) : json(), loses_one ? json() : one[3]) << one;
  }
}

TEST(ChatTemplateTest, AnswersAreTheContentAndItsEnd) {
  const std::vector<ChatMessage> messages = {
      {"user", "Ask"}, {"assistant", "One"}, {"user", "Again"}, {"assistant", "Two"}};
  const std::vector<std::array<std::string, 3>> expected = {
      {"chatml", "One<|im_end|>", "Two<|im_end|>"},
      {"qwen3", "One<|im_end|>", "<think>\n\n</think>\n\nTwo<|im_end|>"},
      {"smollm2", "One<|im_end|>", "Two<|im_end|>"},
      {"llama2", "One </s>", "Two </s>"},
      {"llama3", "One<|eot_id|>", "Two<|eot_id|>"},
      {"llama3.1", "One<|eot_id|>", "Two<|eot_id|>"},
      {"mistral-v0.1", "One</s>", "Two</s>"},
      {"mistral", "One</s>", "Two</s>"},
      {"mistral-v1", "One</s>", "Two</s>"},
      {"mistral-v3", "One</s>", "Two</s>"},
      {"zephyr", "One</s>", "Two</s>"},
  };
  for (const auto& [name, first, second] : expected) {
    const ChatText chat = ChatTemplate::by_name(name).value().render(messages, ChatEnd::closed).value();
    std::vector<std::string> answers;
    for (const auto& span : chat.answers) answers.push_back(chat.text.substr(span.begin, span.end - span.begin));
    EXPECT_THAT(answers, testing::ElementsAre(first, second)) << name;
  }
}

// Of chatml.
const std::string kTurns =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + "
    "'\n'}}"
    "{% endfor %}";
const std::string kAsks = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

TEST(ChatTemplateTest, RecognisesATemplateHoweverItsLinesEnd) {
  EXPECT_EQ(ChatTemplate::recognise(kTurns + kAsks).value().name(), "chatml");
  EXPECT_EQ(ChatTemplate::recognise(kTurns + kAsks + "\n").value().name(), "chatml");
  std::string of_windows = kTurns + kAsks + "\n\n";
  for (std::size_t at = 0; (at = of_windows.find('\n', at)) != std::string::npos; at += 2)
    of_windows.insert(at, 1, '\r');
  EXPECT_EQ(ChatTemplate::recognise(of_windows).value().name(), "chatml");
  EXPECT_FALSE(ChatTemplate::recognise(kTurns + kAsks + "\n\n\n"));  // writes a line break
}

// They have the marks of one that is known and write something else; taken for it they would be wrong without a word.
TEST(ChatTemplateTest, NamesTheNearestOfATemplateItDoesNotKnow) {
  const std::vector<std::array<std::string, 2>> expected = {
      {"{{ bos_token }}" + kTurns + kAsks, "chatml"},
      {kTurns + "{{ '<|im_start|>assistant\n<think>\n' }}", "chatml"},
      {"{% set system = 'Answer in verse.' %}" + kTurns + kAsks, "chatml"},
      {"<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>", "smollm2"},
      {"<|im_start|> You are Qwen, created by Alibaba Cloud. You are a helpful assistant.", "qwen2.5"},
      {"<|im_start|>system\nYou are a helpful assistant.<|im_end|>", "qwen2"},
      {"<|im_start|>system\nYou are a helpful assistant<|im_end|>", "qwen1.5"},
      {"<|im_start|> ns.last_query_index </think>", "qwen3"},
      {"<|start_header_id|> <|eot_id|>", "llama3"},
      {"<|start_header_id|> Cutting Knowledge Date: <|eot_id|>", "llama3.1"},
      {"'<<SYS>>\\n' '[INST] '", "llama2"},
      {"'[INST] ' + message['content'] + ' [/INST]'", "mistral"},
      {"\"[INST]\" + system_message + \"[/INST]\"", "mistral-nemo"},
      {"\"[INST] \" + system_message + \"[/INST]\"", "mistral-v3"},
      {"<|user|> <|assistant|> eos_token", "zephyr"},
  };
  for (const auto& [jinja, name] : expected) {
    const auto found = ChatTemplate::recognise(jinja);
    ASSERT_FALSE(found) << jinja;
    EXPECT_THAT(found.error().message, testing::HasSubstr("the nearest is \"" + name + "\"")) << jinja;
  }
  EXPECT_THAT(ChatTemplate::recognise("{{ messages }}").error().message,
              testing::HasSubstr("by its name: qwen3, qwen2.5"));
}

TEST(ChatTemplateTest, ReadsTheTemplateOfACheckpoint) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "chat_checkpoint";
  std::filesystem::create_directories(folder);
  const json several = {{{"name", "tool"}, {"template", "x"}}, {{"name", "default"}, {"template", kTurns + kAsks}}};
  std::ofstream(folder / "tokenizer_config.json") << json{{"chat_template", several}};
  EXPECT_EQ(ChatTemplate::of_checkpoint(folder).value().name(), "chatml");
  std::ofstream(folder / "chat_template.jinja") << "<|start_header_id|><|eot_id|>";
  EXPECT_THAT(ChatTemplate::of_checkpoint(folder).error().message, testing::HasSubstr("\"llama3\""));
  std::filesystem::remove_all(folder);
  EXPECT_THAT(ChatTemplate::of_checkpoint(folder).error().message, testing::HasSubstr("no chat_template"));
}

TEST(ChatTemplateTest, NamesTheMarksThatATokenizerDoesNotHave) {
  const auto tokenizer_with = [](const json& words) {
    return Tokenizer::parse(json{{"model", {{"type", "BPE"}, {"vocab", words}, {"merges", json::array()}}}}.dump());
  };
  const auto marks = [&](const char* name, const json& words) {
    return ChatTemplate::by_name(name).value().marks_without_token(tokenizer_with(words).value());
  };
  EXPECT_THAT(marks("chatml", {{"<|im_start|>", 0}, {"<|im_end|>", 1}}), testing::IsEmpty());
  EXPECT_THAT(marks("chatml", {{"<|im_start|>", 0}}), testing::ElementsAre("<|im_end|>"));
  EXPECT_THAT(marks("llama2", {{"</s>", 0}}), testing::ElementsAre("<s>"));
  EXPECT_THAT(marks("mistral-v3", {{"<s>", 0}, {"</s>", 1}, {"[INST]", 2}}), testing::ElementsAre("[/INST]"));
}

TEST(ChatTemplateTest, NamesAnUnknownRoleOrTemplate) {
  const auto chat = ChatTemplate::by_name("chatml").value();
  const std::vector<ChatMessage> tool = {{"tool", "x"}};
  EXPECT_THAT(chat.render(tool, ChatEnd::closed).error().message, testing::HasSubstr("\"tool\""));
  EXPECT_THAT(ChatTemplate::by_name("vicuna").error().message, testing::HasSubstr("qwen2.5"));
}

}  // namespace
}  // namespace weft::text
