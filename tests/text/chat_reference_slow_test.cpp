// Conversations by the Jinja that checkpoints come with: transformers renders fresh ones, and ours are the same ids.
// Set WEFT_REFERENCE_PYTHON to a Python that has transformers; ./run fetch tokenizers smollm2 brings the Jinja.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>

#include "common/text/chat_template.h"
#include "tests/text/tokenizer_support.h"

namespace weft::text {
namespace {

using nlohmann::json;

const std::filesystem::path kDeps = std::filesystem::path(WEFT_SOURCE_DIR) / ".deps";

class ChatReferenceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kDeps / "chat_templates/templates.json") ||
        !std::filesystem::exists(kDeps / "models/SmolLM2-135M-Instruct/tokenizer_config.json"))
      GTEST_SKIP() << "the chat templates are not fetched: ./run fetch tokenizers smollm2";
    std::string folder = (std::filesystem::temp_directory_path() / "weft_chat_XXXXXX").string();
    folder_ = mkdtemp(folder.data());
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }
  void write(const char* name, const std::string& text) { std::ofstream(folder_ / name) << text; }
  std::filesystem::path folder_;
};

std::vector<ChatMessage> messages_of(const json& conversation) {
  std::vector<ChatMessage> messages;
  for (const auto& message : conversation) messages.push_back({message["role"], message["content"]});
  return messages;
}

// Llama 2's Jinja loses a system message that is not the first, without a word; ours refuses it.
bool is_lost_by_the_jinja(const std::string& name, const std::vector<ChatMessage>& messages) {
  return name == "llama2" && std::any_of(messages.begin() + 1, messages.end(),
                                         [](const ChatMessage& message) { return message.role == "system"; });
}

TEST_F(ChatReferenceTest, SameIdsAsApplyChatTemplate) {
  const char* python = std::getenv("WEFT_REFERENCE_PYTHON");
  if (python == nullptr) GTEST_SKIP() << "WEFT_REFERENCE_PYTHON names no Python with transformers";
  const std::string out = (folder_ / "live.jsonl").string();
  const std::string command = "'" + std::string(python) +
                              "' '" WEFT_SOURCE_DIR "/scripts/make_chat_fixtures.py' live '" + kDeps.string() +
                              "' 150 20261126 '" + out + "'";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  std::map<std::string, Tokenizer> tokenizers;
  std::map<std::string, std::size_t> compared;
  std::ifstream lines(out);
  for (std::string line; std::getline(lines, line);) {
    const json one = json::parse(line);
    const std::string name = one[0], file = one[2];
    const auto chat = ChatTemplate::recognise(one[1].get<std::string>());
    ASSERT_TRUE(chat) << name << ": " << chat.error().message;
    ASSERT_EQ(chat.value().name(), name);
    if (!tokenizers.contains(file)) tokenizers.emplace(file, Tokenizer::load(file).value());
    const std::vector<ChatMessage> messages = messages_of(one[3]);
    const auto ours = chat.value().render(messages, one[4] ? ChatEnd::open : ChatEnd::closed);
    if (is_lost_by_the_jinja(name, messages)) {
      EXPECT_FALSE(ours) << one[3];
      continue;
    }
    ASSERT_EQ(ours ? json(tokenizers.at(file).encode(ours.value().text, {.specials = Specials::without}).ids) : json(),
              one[5])
        << name << one[3] << one[4];
    if (ours) ++compared[name];
  }
  for (const std::string& name : ChatTemplate::names()) {
    if (name == "zephyr") continue;  // its Jinja is in no package
    EXPECT_GT(compared[name], 20U) << name;
  }
}

TEST_F(ChatReferenceTest, WantsTheTokensThatTheTemplateWrites) {
  for (const auto& one : read_json(kDeps / "chat_templates/templates.json")) {
    const std::string name = one[0];
    const bool writes_end = name.starts_with("mistral") || name == "llama2";
    const bool writes_begin = writes_end || name.starts_with("llama3");
    write("chat_template.jinja", one[2]);
    write("tokenizer_config.json", R"({"bos_token":null,"eos_token":{"content":"<|other|>"}})");
    const auto end = ChatTemplate::of_checkpoint(folder_);
    EXPECT_EQ(!end, writes_end) << name;
    if (!end) {
      EXPECT_THAT(end.error().message, testing::HasSubstr("eos_token is \"<|other|>\"")) << name;
    }
    write("tokenizer_config.json", R"({"bos_token":"<|other|>"})");
    EXPECT_EQ(!ChatTemplate::of_checkpoint(folder_), writes_begin) << name;
    write("tokenizer_config.json",
          json{{"bos_token", writes_end ? "<s>" : "<|begin_of_text|>"}, {"eos_token", "</s>"}}.dump());
    EXPECT_EQ(ChatTemplate::of_checkpoint(folder_).value().name(), name);
  }
}

// One letter more than what is known may be another text for every conversation.
TEST_F(ChatReferenceTest, AChangedTemplateIsNotTakenForTheOneItWas) {
  for (const auto& one : read_json(kDeps / "chat_templates/templates.json")) {
    const auto changed = ChatTemplate::recognise("{{ 'x' }}" + one[2].get<std::string>());
    ASSERT_FALSE(changed);
    EXPECT_THAT(changed.error().message, testing::HasSubstr("the nearest is \"" + one[0].get<std::string>() + "\""))
        << one[1];
  }
}

}  // namespace
}  // namespace weft::text
