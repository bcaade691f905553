// Conversations as the text that a chat model was trained on, by the name of its template; equal to what the Jinja in
// the checkpoint gives for conversations of system, user and assistant messages. The day that Llama 3.1 and 3.2 write
// into the system message is 26 Jul 2024, as their Jinja has it where no day is given: a conversation is then the same
// text at every site and in every round. transformers writes today's date for Llama 3.2 unless it is told date_string.
#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/text/tokenizer.h"

namespace weft::text {

struct ChatMessage {
  std::string role;  // "system", "user" or "assistant"
  std::string content;
  bool operator==(const ChatMessage&) const = default;
};

struct ChatText {
  std::string text;               // has its own <s> or <|begin_of_text|>: encode it with Specials::without
  std::vector<TextSpan> answers;  // of each assistant message: its content and the token that ends it
};

enum class ChatEnd {
  closed,  // the conversation is whole
  open     // an answer is asked for: the text goes on to where the assistant begins
};

class ChatTemplate {
 public:
  // Error lists the known names.
  static Result<ChatTemplate> by_name(std::string_view name);
  static std::vector<std::string> names();
  // By the Jinja's whole text: one that differs from those that are known in a single word may write something else.
  // Error: it is not known; says which is nearest, to be chosen by its name where the user knows that it is the same.
  static Result<ChatTemplate> recognise(std::string_view jinja);
  // The Jinja of a checkpoint's chat_template.jinja or tokenizer_config.json, recognised. Error too where the
  // checkpoint's begin or end token is not the one that the template writes.
  static Result<ChatTemplate> of_checkpoint(const std::filesystem::path& folder);
  // "checkpoint": that of the checkpoint, else by_name.
  static Result<ChatTemplate> load(const std::string& name, const std::filesystem::path& folder);

  const std::string& name() const;
  // Its marks that should each be one token, and are none of this tokenizer: a model reads those letter by letter.
  std::vector<std::string> marks_without_token(const Tokenizer& tokenizer) const;
  // Error: a role, or an order of roles, that the template does not have.
  Result<ChatText> render(std::span<const ChatMessage> messages, ChatEnd end) const;

 private:
  struct Kind;
  explicit ChatTemplate(const Kind& kind) : kind_(&kind) {}
  static std::span<const Kind> kinds();
  static std::string joined_names();
  Result<ChatTemplate> with_tokens_of(const std::filesystem::path& folder) const;
  const Kind* kind_;
};

}  // namespace weft::text
