// The names of the ways to write a conversation: a table of functions, default system prompts and marks.
#include "common/text/chat_template.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/base/file.h"
#include "common/base/json_depth.h"
#include "common/text/chat_styles.h"
#include "common/text/known_jinja.h"
#include "common/text/special_tokens.h"

namespace weft::text {
namespace {

// An empty object where there is no such file.
Result<nlohmann::json> read_object(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return nlohmann::json::object();
  auto text = read_text(file);
  if (!text) return text.error();
  auto json = nlohmann::json::parse(shallow_json(*text), nullptr, false);
  if (!json.is_object()) return Error{file.string() + ": not a JSON object"};
  return json;
}

Result<std::string> jinja_in(const nlohmann::json& value, const std::string& where) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {  // several, by name
    for (const auto& item : value) {
      if (item.is_object() && item.value("name", "") == "default") return item.value("template", "");
    }
  }
  return Error{where + ": no chat_template; choose one by its name"};
}

constexpr std::string_view kReleaseDay = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n";

}  // namespace

struct ChatTemplate::Kind {
  std::string name;
  void (*render)(chat::Messages, ChatEnd, const chat::Style&, ChatText&);
  chat::Style style;
  std::string_view bos, eos;             // the tokens of these kinds that it writes; empty: neither
  std::vector<std::string_view> tokens;  // others that it writes
  std::vector<std::string_view> marks;   // an unknown Jinja with all of them is nearest to this one, in this order
};

std::span<const ChatTemplate::Kind> ChatTemplate::kinds() {
  using chat::chatml;
  using chat::llama2;
  using chat::llama3;
  using chat::llama31;
  using chat::mistral;
  using chat::qwen3;
  using chat::SystemPlace;
  using chat::zephyr;
  constexpr std::string_view kQwen25 = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.";
  constexpr std::string_view kSmolLm2 = "You are a helpful AI assistant named SmolLM, trained by Hugging Face";
  constexpr std::string_view kBegin = "<|begin_of_text|>", kStart = "<|im_start|>", kHeading = "<|start_header_id|>";
  const std::vector<std::string_view> chatml_tokens{kStart, "<|im_end|>"},
      llama_tokens{kHeading, "<|end_header_id|>", "<|eot_id|>"}, mistral_tokens{"[INST]", "[/INST]"};
  static const std::vector<Kind> kAll = {
      {"qwen3", qwen3, {}, "", "", chatml_tokens, {kStart, "last_query_index", "</think>"}},
      {"qwen2.5",
       chatml,
       {.system = kQwen25},
       "",
       "",
       chatml_tokens,
       {kStart, "You are Qwen, created by Alibaba Cloud."}},
      {"smollm2",
       chatml,
       {.system = kSmolLm2},
       "",
       "",
       chatml_tokens,
       {kStart, "named SmolLM, trained by Hugging Face"}},
      {"qwen2",
       chatml,
       {.system = "You are a helpful assistant."},
       "",
       "",
       chatml_tokens,
       {kStart, "You are a helpful assistant."}},
      {"qwen1.5",
       chatml,
       {.system = "You are a helpful assistant"},
       "",
       "",
       chatml_tokens,
       {kStart, "You are a helpful assistant<"}},
      {"chatml", chatml, {}, "", "", chatml_tokens, {kStart}},
      {"llama3.2", llama31, {.system = kReleaseDay}, kBegin, "", llama_tokens, {kHeading, "strftime_now"}},
      {"llama3.1", llama31, {.system = kReleaseDay}, kBegin, "", llama_tokens, {kHeading, "Cutting Knowledge Date"}},
      {"llama3", llama3, {}, kBegin, "", llama_tokens, {kHeading}},
      {"llama2", llama2, {}, "<s>", "</s>", {}, {"[INST]", "<<SYS>>"}},
      {"mistral-nemo",
       mistral,
       {.before_question = "[INST]", .after_question = "[/INST]", .system_place = SystemPlace::last_message},
       "<s>",
       "</s>",
       mistral_tokens,
       {"\"[INST]\" + system_message"}},
      {"mistral-v3",
       mistral,
       {.before_question = "[INST] ",
        .after_question = "[/INST]",
        .before_answer = " ",
        .system_place = SystemPlace::last_message,
        .strips_answers = true},
       "<s>",
       "</s>",
       mistral_tokens,
       {"\"[INST] \" + system_message"}},
      {"mistral-v1",
       mistral,
       {.before_question = " [INST] ",
        .after_question = " [/INST]",
        .before_answer = " ",
        .system_place = SystemPlace::first_question},
       "<s>",
       "</s>",
       {},
       {" [INST] ", "system_message"}},
      {"mistral-v0.1",
       mistral,
       {.before_question = "[INST] ", .after_question = " [/INST]", .after_answer = " "},
       "<s>",
       "</s>",
       {},
       {"[INST] ", "eos_token + ' '"}},
      {"mistral", mistral, {.before_question = "[INST] ", .after_question = " [/INST]"}, "<s>", "</s>", {}, {"[INST]"}},
      {"zephyr", zephyr, {}, "", "</s>", {}, {"<|user|>", "<|assistant|>", "eos_token"}},
  };
  return kAll;
}

std::vector<std::string> ChatTemplate::names() {
  std::vector<std::string> out;
  for (const Kind& kind : kinds()) out.push_back(kind.name);
  return out;
}

const std::string& ChatTemplate::name() const { return kind_->name; }

std::string ChatTemplate::joined_names() {
  std::string joined;
  for (const Kind& kind : kinds()) joined += (joined.empty() ? "" : ", ") + kind.name;
  return joined;
}

Result<ChatTemplate> ChatTemplate::by_name(std::string_view name) {
  for (const Kind& kind : kinds())
    if (kind.name == name) return ChatTemplate(kind);
  return Error{"chat template \"" + std::string(name) + "\" is not known, expected one of " + joined_names()};
}

Result<ChatTemplate> ChatTemplate::recognise(std::string_view jinja) {
  const std::string digest = chat::digest_of(jinja);
  if (const std::string_view name = chat::name_of_jinja(digest); !name.empty()) return by_name(name);
  std::string problem = "the checkpoint's chat template, SHA-256 " + digest + ", is none of those that are known";
  for (const Kind& kind : kinds()) {
    const bool is_near = std::all_of(kind.marks.begin(), kind.marks.end(),
                                     [&](std::string_view mark) { return jinja.find(mark) != std::string_view::npos; });
    if (!is_near) continue;
    return Error{problem + "; the nearest is \"" + kind.name +
                 "\". If that is how the model was taught to read conversations, choose it by its name"};
  }
  return Error{problem + "; choose one by its name: " + joined_names()};
}

Result<ChatTemplate> ChatTemplate::with_tokens_of(const std::filesystem::path& folder) const {
  for (const char* file : kTokenFiles) {
    auto texts = special_token_texts(folder / file);
    if (!texts) return texts.error();
    for (const auto& [key, written] : {std::pair{"bos_token", kind_->bos}, {"eos_token", kind_->eos}}) {
      const auto token = texts->find(key);
      if (written.empty() || token == texts->end() || token->second == written) continue;
      return Error{(folder / file).string() + ": " + key + " is \"" + token->second + "\", and the chat template \"" +
                   name() + "\" writes \"" + std::string(written) +
                   "\". If that is how the model was taught to read conversations, choose it by its name"};
    }
  }
  return *this;
}

Result<ChatTemplate> ChatTemplate::of_checkpoint(const std::filesystem::path& folder) {
  Result<std::string> jinja = std::string();
  if (const auto file = folder / "chat_template.jinja"; std::filesystem::exists(file)) {
    jinja = read_text(file);
  } else {
    const auto config_file = folder / "tokenizer_config.json";
    auto config = read_object(config_file);
    if (!config) return config.error();
    jinja = jinja_in(config->value("chat_template", nlohmann::json()), config_file.string());
  }
  if (!jinja) return jinja.error();
  auto found = recognise(*jinja);
  return found ? found->with_tokens_of(folder) : found;
}

Result<ChatTemplate> ChatTemplate::load(const std::string& name, const std::filesystem::path& folder) {
  return name == "checkpoint" ? of_checkpoint(folder) : by_name(name);
}

std::vector<std::string> ChatTemplate::marks_without_token(const Tokenizer& tokenizer) const {
  std::vector<std::string_view> marks{kind_->bos, kind_->eos};
  marks.insert(marks.end(), kind_->tokens.begin(), kind_->tokens.end());
  std::vector<std::string> without;
  for (const std::string_view mark : marks)
    if (!mark.empty() && !tokenizer.id_of(mark)) without.emplace_back(mark);
  return without;
}

Result<ChatText> ChatTemplate::render(std::span<const ChatMessage> messages, ChatEnd end) const {
  static constexpr std::array<std::string_view, 3> kRoles = {"system", "user", "assistant"};
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (std::find(kRoles.begin(), kRoles.end(), messages[i].role) == kRoles.end()) {
      return Error{"chat template " + name() + ": message " + std::to_string(i + 1) + " is of \"" + messages[i].role +
                   "\", expected system, user or assistant"};
    }
  }
  try {
    ChatText out;
    kind_->render(messages, end, kind_->style, out);
    return out;
  } catch (const Failure& failure) {
    return Error{"chat template " + name() + ": " + failure.what()};
  }
}

}  // namespace weft::text
