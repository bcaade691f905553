// One function per way to write a conversation; the names are a table of functions, default system prompts and marks.
#include "common/text/chat_template.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "common/base/file.h"
#include "common/base/json_depth.h"
#include "common/text/unicode_facts.h"
#include "common/text/utf8.h"

namespace weft::text {
namespace {

using Messages = std::span<const ChatMessage>;

bool is_blank(char32_t c) { return is_white_space(c) || (c >= 0x1C && c <= 0x1F); }

// As Python's str.strip().
std::string_view stripped(std::string_view text) {
  std::size_t begin = text.size(), end = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Decoded c = decode_utf8(text, at);
    if (!is_blank(c.code_point)) {
      begin = std::min(begin, at);
      end = at + c.length;
    }
    at += c.length;
  }
  return begin < end ? text.substr(begin, end - begin) : std::string_view{};
}

std::string_view without_first_lines(std::string_view text) {
  while (text.starts_with('\n')) text.remove_prefix(1);
  return text;
}

std::string_view without_last_lines(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  return text;
}

// An answer: `before` is the assistant's heading, then what is to be learnt.
void add_answer(ChatText& out, std::string_view before, std::initializer_list<std::string_view> answer) {
  out.text += before;
  const std::size_t begin = out.text.size();
  for (std::string_view part : answer) out.text += part;
  out.answers.push_back({begin, out.text.size()});
}

bool begins_with_system(Messages messages) { return !messages.empty() && messages[0].role == "system"; }

// After an optional system message, the user begins and the two take turns.
Messages turns_of(Messages messages) {
  const Messages turns = begins_with_system(messages) ? messages.subspan(1) : messages;
  for (std::size_t i = 0; i < turns.size(); ++i) {
    if ((turns[i].role == "user") != (i % 2 == 0) || turns[i].role == "system") {
      throw Failure("message " + std::to_string(i + 1) + " is of \"" + turns[i].role +
                    "\"; this template wants user and assistant in turns");
    }
  }
  return turns;
}

struct Style {
  std::string_view system;           // where the conversation has none
  std::string_view before_question;  // Mistral's kinds
  std::string_view after_question;
  std::string_view before_answer;
};

void chatml(Messages messages, ChatEnd end, const Style& style, ChatText& out) {
  if (!style.system.empty() && !begins_with_system(messages)) {
    out.text += "<|im_start|>system\n" + std::string(style.system) + "<|im_end|>\n";
  }
  for (const ChatMessage& message : messages) {
    const std::string heading = "<|im_start|>" + message.role + "\n";
    if (message.role == "assistant") {
      add_answer(out, heading, {message.content, "<|im_end|>"});
    } else {
      out.text += heading + message.content + "<|im_end|>";
    }
    out.text += '\n';
  }
  if (end == ChatEnd::open) out.text += "<|im_start|>assistant\n";
}

// An answer is its thoughts and its text. Thoughts stand in the text only behind the last question.
struct Thoughts {
  std::string_view thoughts, text;
};

Thoughts split_thoughts(std::string_view content) {
  constexpr std::string_view kBegin = "<think>", kEnd = "</think>";
  const std::size_t first = content.find(kEnd);
  if (first == std::string_view::npos) return {{}, content};
  std::string_view thoughts = without_last_lines(content.substr(0, first));
  if (const std::size_t begin = thoughts.rfind(kBegin); begin != std::string_view::npos) {
    thoughts.remove_prefix(begin + kBegin.size());
  }
  return {without_first_lines(thoughts), without_first_lines(content.substr(content.rfind(kEnd) + kEnd.size()))};
}

void qwen3(Messages messages, ChatEnd end, const Style&, ChatText& out) {
  std::size_t last_question = messages.empty() ? 0 : messages.size() - 1;
  for (std::size_t i = messages.size(); i-- > 0;) {
    const std::string& content = messages[i].content;
    const bool is_tool = content.starts_with("<tool_response>") && content.ends_with("</tool_response>");
    if (messages[i].role != "user" || is_tool) continue;
    last_question = i;
    break;
  }
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const ChatMessage& message = messages[i];
    const std::string heading = "<|im_start|>" + message.role + "\n";
    if (message.role != "assistant") {
      out.text += heading + message.content + "<|im_end|>\n";
      continue;
    }
    const auto [thoughts, text] = split_thoughts(message.content);
    if (i > last_question && (i + 1 == messages.size() || !thoughts.empty())) {
      add_answer(
          out, heading,
          {"<think>\n", without_last_lines(thoughts), "\n</think>\n\n", without_first_lines(text), "<|im_end|>"});
    } else {
      add_answer(out, heading, {text, "<|im_end|>"});
    }
    out.text += '\n';
  }
  if (end == ChatEnd::open) out.text += "<|im_start|>assistant\n";
}

std::string llama3_heading(const std::string& role) { return "<|start_header_id|>" + role + "<|end_header_id|>\n\n"; }

void add_llama3_turns(Messages messages, ChatEnd end, ChatText& out) {
  for (const ChatMessage& message : messages) {
    if (message.role == "assistant") {
      add_answer(out, llama3_heading(message.role), {stripped(message.content), "<|eot_id|>"});
    } else {
      out.text += llama3_heading(message.role) + std::string(stripped(message.content)) + "<|eot_id|>";
    }
  }
  if (end == ChatEnd::open) out.text += llama3_heading("assistant");
}

void llama3(Messages messages, ChatEnd end, const Style&, ChatText& out) {
  out.text += "<|begin_of_text|>";
  add_llama3_turns(messages, end, out);
}

// The day is the one of the template's release, so that the same conversation is the same text tomorrow.
void llama31(Messages messages, ChatEnd end, const Style& style, ChatText& out) {
  const bool has_system = begins_with_system(messages);
  out.text += "<|begin_of_text|>" + llama3_heading("system") + std::string(style.system);
  if (has_system) out.text += stripped(messages[0].content);
  out.text += "<|eot_id|>";
  add_llama3_turns(has_system ? messages.subspan(1) : messages, end, out);
}

void llama2(Messages messages, ChatEnd, const Style&, ChatText& out) {
  const Messages turns = turns_of(messages);
  for (std::size_t i = 0; i < turns.size(); ++i) {
    std::string content = turns[i].content;
    if (i == 0 && begins_with_system(messages)) {
      content = std::string("<<SYS>>\n").append(messages[0].content).append("\n<</SYS>>\n\n").append(content);
    }
    if (turns[i].role == "user") {
      out.text.append("<s>[INST] ").append(stripped(content)).append(" [/INST]");
    } else {
      add_answer(out, " ", {stripped(content), " </s>"});
    }
  }
}

void mistral(Messages messages, ChatEnd, const Style& style, ChatText& out) {
  if (begins_with_system(messages)) throw Failure("a system message, which this template does not have");
  out.text += "<s>";
  for (const ChatMessage& message : turns_of(messages)) {
    if (message.role == "user") {
      out.text += std::string(style.before_question) + message.content + std::string(style.after_question);
    } else {
      add_answer(out, style.before_answer, {message.content, "</s>"});
    }
  }
}

// The system message stands in the last message if that is a question, and is left out if not.
void mistral_v3(Messages messages, ChatEnd, const Style& style, ChatText& out) {
  const Messages turns = turns_of(messages);
  out.text += "<s>";
  for (std::size_t i = 0; i < turns.size(); ++i) {
    if (turns[i].role == "user") {
      out.text += style.before_question;
      if (i + 1 == turns.size() && begins_with_system(messages)) out.text += messages[0].content + "\n\n";
      out.text += turns[i].content + std::string(style.after_question);
    } else {
      const bool strips = !style.before_answer.empty();
      add_answer(out, style.before_answer, {strips ? stripped(turns[i].content) : turns[i].content, "</s>"});
    }
  }
}

void zephyr(Messages messages, ChatEnd end, const Style&, ChatText& out) {
  for (const ChatMessage& message : messages) {
    const std::string heading = "<|" + message.role + "|>\n";
    if (message.role == "assistant") {
      add_answer(out, heading, {message.content, "</s>"});
    } else {
      out.text += heading + message.content + "</s>";
    }
    out.text += '\n';
  }
  if (end == ChatEnd::open && !messages.empty()) out.text += "<|assistant|>\n";
}

Result<std::string> jinja_in(const nlohmann::json& value, const std::string& where) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {  // several, by name
    for (const auto& item : value) {
      if (item.is_object() && item.value("name", "") == "default") return item.value("template", "");
    }
  }
  return Error{where + ": no chat_template; name one in the configuration"};
}

}  // namespace

struct ChatTemplate::Kind {
  std::string name;
  void (*render)(Messages, ChatEnd, const Style&, ChatText&);
  Style style;
  std::vector<std::string_view> marks;  // a Jinja with all of them is this one, in the order of the table
};

std::span<const ChatTemplate::Kind> ChatTemplate::kinds() {
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
    if (is_it) return ChatTemplate(kind);
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
