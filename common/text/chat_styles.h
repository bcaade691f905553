// The ways to write a conversation, one function each. Internal to this library.
#pragma once
#include <span>
#include <string_view>

#include "common/text/chat_template.h"

namespace weft::text::chat {

using Messages = std::span<const ChatMessage>;

enum class SystemPlace { none, first_question, last_message };  // none: a system message is refused

struct Style {
  std::string_view system;           // where the conversation has none
  std::string_view before_question;  // this and what follows: of Mistral's kinds
  std::string_view after_question;
  std::string_view before_answer;
  std::string_view after_answer;  // behind the token that ends it
  SystemPlace system_place = SystemPlace::none;
  bool strips_answers = false;
};

// Each adds the conversation to `out`. Throws Failure with what the messages lack.
void chatml(Messages messages, ChatEnd end, const Style& style, ChatText& out);
void qwen3(Messages messages, ChatEnd end, const Style& style, ChatText& out);
void llama3(Messages messages, ChatEnd end, const Style& style, ChatText& out);
void llama31(Messages messages, ChatEnd end, const Style& style, ChatText& out);
void llama2(Messages messages, ChatEnd end, const Style& style, ChatText& out);
void mistral(Messages messages, ChatEnd end, const Style& style, ChatText& out);
void zephyr(Messages messages, ChatEnd end, const Style& style, ChatText& out);

}  // namespace weft::text::chat
