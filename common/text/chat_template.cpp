// The names of the ways to write a conversation: a table of functions, default system prompts and marks.
#include "common/text/chat_template.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "common/base/file.h"
#include "common/base/json_depth.h"
#include "common/text/chat_styles.h"

namespace weft::text {
namespace {

Result<std::string> jinja_in(const nlohmann::json& value, const std::string& where) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {  // several, by name
    for (const auto& item : value) {
      if (item.is_object() && item.value("name", "") == "default") return item.value("template", "");
    }
  }
  return Error{where + ": no chat_template; name one in the configuration"};
}

// Whether a Jinja with the marks of chatml writes something else than chatml with this default system prompt: many
// checkpoints come with a chatml of their own. A line break in its strings is one, or is spelt \n.
bool departs_from_chatml(std::string_view jinja, const chat::Style& style) {
  const auto other_text_after = [&](std::string_view head, std::string_view allowed) {
    for (std::size_t at = jinja.find(head); at != std::string_view::npos; at = jinja.find(head, at + 1)) {
      const std::string_view rest = jinja.substr(at + head.size());
      const bool string_ends = rest.starts_with('\'') || rest.starts_with('"');
      if (!string_ends && (allowed.empty() || !rest.starts_with(allowed))) return true;
    }
    return false;
  };
  for (const char* line_break : {"\n", "\\n"}) {
    if (other_text_after(std::string("<|im_start|>system") + line_break, style.system)) return true;
    if (other_text_after(std::string("<|im_start|>assistant") + line_break, "")) return true;
  }
  constexpr std::string_view kPrompt = "You are ";
  for (std::size_t at = jinja.find(kPrompt); at != std::string_view::npos; at = jinja.find(kPrompt, at)) {
    if (style.system.empty() || !jinja.substr(at).starts_with(style.system)) return true;
    at += style.system.size();
  }
  constexpr std::array kOther = {"bos_token", "| trim", "|trim", ".strip(", "<think>"};
  return std::any_of(kOther.begin(), kOther.end(),
                     [&](const char* sign) { return jinja.find(sign) != std::string_view::npos; });
}

}  // namespace

struct ChatTemplate::Kind {
  std::string name;
  void (*render)(chat::Messages, ChatEnd, const chat::Style&, ChatText&);
  chat::Style style;
  std::vector<std::string_view> marks;  // a Jinja with all of them is this one, in the order of the table
};

std::span<const ChatTemplate::Kind> ChatTemplate::kinds() {
  using chat::chatml;
  using chat::llama2;
  using chat::llama3;
  using chat::llama31;
  using chat::mistral;
  using chat::mistral_v3;
  using chat::qwen3;
  using chat::zephyr;
  static const std::vector<Kind> kAll = {
      {"qwen3", qwen3, {}, {"<|im_start|>", "last_query_index", "</think>"}},
      {"qwen2.5",
       chatml,
       {.system = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."},
       {"<|im_start|>", "You are Qwen, created by Alibaba Cloud."}},
      {"smollm2",
       chatml,
       {.system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"},
       {"<|im_start|>", "named SmolLM, trained by Hugging Face"}},
      {"qwen2", chatml, {.system = "You are a helpful assistant."}, {"<|im_start|>", "You are a helpful assistant."}},
      {"qwen1.5",
       chatml,
       {.system = "You are a helpful assistant"},
       {"<|im_start|>", "You are a helpful assistant<|im_end|>"}},
      {"chatml", chatml, {}, {"<|im_start|>", "<|im_end|>"}},
      {"llama3.1",
       llama31,
       {.system = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"},
       {"<|start_header_id|>", "Cutting Knowledge Date"}},
      {"llama3", llama3, {}, {"<|start_header_id|>", "<|eot_id|>"}},
      {"llama2", llama2, {}, {"[INST]", "<<SYS>>"}},
      {"mistral-nemo",
       mistral_v3,
       {.before_question = "[INST]", .after_question = "[/INST]"},
       {"\"[INST]\" + system_message"}},
      {"mistral-v3",
       mistral_v3,
       {.before_question = "[INST] ", .after_question = "[/INST]", .before_answer = " "},
       {"\"[INST] \" + system_message"}},
      {"mistral", mistral, {.before_question = "[INST] ", .after_question = " [/INST]"}, {"[INST] ", " [/INST]"}},
      {"zephyr", zephyr, {}, {"<|user|>", "<|assistant|>", "eos_token"}},
  };
  return kAll;
}

std::vector<std::string> ChatTemplate::names() {
  std::vector<std::string> out;
  for (const Kind& kind : kinds()) out.push_back(kind.name);
  return out;
}

const std::string& ChatTemplate::name() const { return kind_->name; }

Result<ChatTemplate> ChatTemplate::by_name(std::string_view name) {
  std::string known;
  for (const Kind& kind : kinds()) {
    if (kind.name == name) return ChatTemplate(kind);
    known += (known.empty() ? "" : ", ") + kind.name;
  }
  return Error{"chat template \"" + std::string(name) + "\" is not known, expected one of " + known};
}

Result<ChatTemplate> ChatTemplate::recognise(std::string_view jinja) {
  for (const Kind& kind : kinds()) {
    const bool is_it = std::all_of(kind.marks.begin(), kind.marks.end(),
                                   [&](std::string_view mark) { return jinja.find(mark) != std::string_view::npos; });
    if (is_it && (kind.render != chat::chatml || !departs_from_chatml(jinja, kind.style))) return ChatTemplate(kind);
  }
  return Error{"the checkpoint's chat template is none of those that are known; name one in the configuration"};
}

Result<ChatTemplate> ChatTemplate::of_checkpoint(const std::filesystem::path& folder) {
  if (const auto file = folder / "chat_template.jinja"; std::filesystem::exists(file)) {
    auto jinja = read_text(file);
    return jinja ? recognise(*jinja) : Result<ChatTemplate>(jinja.error());
  }
  const auto file = folder / "tokenizer_config.json";
  auto text = read_text(file);
  if (!text) return text.error();
  const auto json = nlohmann::json::parse(shallow_json(*text), nullptr, false);
  if (!json.is_object()) return Error{file.string() + ": not a JSON object"};
  auto jinja = jinja_in(json.value("chat_template", nlohmann::json()), file.string());
  return jinja ? recognise(*jinja) : Result<ChatTemplate>(jinja.error());
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
