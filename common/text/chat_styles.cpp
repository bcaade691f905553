#include "common/text/chat_styles.h"

#include <algorithm>
#include <initializer_list>
#include <string>

#include "common/text/unicode_facts.h"
#include "common/text/utf8.h"

namespace weft::text::chat {
namespace {

bool is_blank(char32_t c) { return is_white_space(c) || (c >= 0x1C && c <= 0x1F); }

// As Python's str.strip().
std::string_view stripped(std::string_view text) { return text::stripped(text, is_blank); }

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

struct TurnMarks {
  std::string before_role, after_role, end;
};

// Every message under its role, a line each.
void add_turns(Messages messages, const TurnMarks& marks, ChatText& out) {
  for (const ChatMessage& message : messages) {
    const std::string heading = marks.before_role + message.role + marks.after_role;
    if (message.role == "assistant") {
      add_answer(out, heading, {message.content, marks.end});
    } else {
      out.text += heading + message.content + marks.end;
    }
    out.text += '\n';
  }
}

}  // namespace

void chatml(Messages messages, ChatEnd end, const Style& style, ChatText& out) {
  if (!style.system.empty() && !begins_with_system(messages)) {
    out.text += "<|im_start|>system\n" + std::string(style.system) + "<|im_end|>\n";
  }
  add_turns(messages, {"<|im_start|>", "\n", "<|im_end|>"}, out);
  if (end == ChatEnd::open) out.text += "<|im_start|>assistant\n";
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

void llama3(Messages messages, ChatEnd end, const Style&, ChatText& out) {
  out.text += "<|begin_of_text|>";
  add_llama3_turns(messages, end, out);
}

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

// In the last message a system message stands if that is a question, and is left out if not.
void mistral(Messages messages, ChatEnd, const Style& style, ChatText& out) {
  const bool has_system = begins_with_system(messages);
  if (has_system && style.system_place == SystemPlace::none) {
    throw Failure("a system message, which this template does not have");
  }
  const Messages turns = turns_of(messages);
  const std::size_t place = style.system_place == SystemPlace::first_question ? 0 : turns.size() - 1;
  out.text += "<s>";
  for (std::size_t i = 0; i < turns.size(); ++i) {
    if (turns[i].role == "user") {
      out.text += style.before_question;
      if (has_system && i == place) out.text += messages[0].content + "\n\n";
      out.text += turns[i].content + std::string(style.after_question);
    } else {
      const std::string_view content = turns[i].content;
      add_answer(out, style.before_answer, {style.strips_answers ? stripped(content) : content, "</s>"});
      out.text += style.after_answer;
    }
  }
}

void zephyr(Messages messages, ChatEnd end, const Style&, ChatText& out) {
  add_turns(messages, {"<|", "|>\n", "</s>"}, out);
  if (end == ChatEnd::open && !messages.empty()) out.text += "<|assistant|>\n";
}

}  // namespace weft::text::chat
