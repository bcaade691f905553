// A tokenizer.json as a whole: its sections to stages, and what must hold between them.
#include <algorithm>

#include "common/text/stages_json.h"
#include "common/text/tokenizer_parts.h"

namespace weft::text {
namespace {

std::vector<AddedToken> parse_added(Json json) {
  std::vector<AddedToken> added;
  if (json["added_tokens"].is_null()) return added;
  for (const Json item : list_field(json, "file", "added_tokens")) {
    AddedToken token;
    token.id = token_id(field(item, "added_tokens", "id"), "added_tokens.id");
    token.content = text_field(item, "added_tokens", "content");
    token.special = bool_field(item, "added_tokens", "special", false);
    token.single_word = bool_field(item, "added_tokens", "single_word", false);
    token.lstrip = bool_field(item, "added_tokens", "lstrip", false);
    token.rstrip = bool_field(item, "added_tokens", "rstrip", false);
    token.normalized = bool_field(item, "added_tokens", "normalized", !token.special);
    if (token.content.empty()) fail_at("added_tokens", "a token without content");
    added.push_back(std::move(token));
  }
  return added;
}

void place_token(std::vector<std::string>& tokens, std::vector<bool>& taken, const std::string& token, TokenId id) {
  const auto index = static_cast<std::size_t>(id);
  if (index >= tokens.size()) {
    fail_at("token \"" + token + "\"", "id " + std::to_string(id) + " is far beyond the size of the vocabulary");
  }
  if (taken[index] && tokens[index] != token) {
    fail_at("token \"" + token + "\"", "id " + std::to_string(id) + " is also that of \"" + tokens[index] + "\"");
  }
  tokens[index] = token;
  taken[index] = true;
}

// Gaps are allowed, but not so many that a small file could claim a huge table.
std::vector<std::string> table_of_tokens(const Vocabulary& vocabulary, const std::vector<AddedToken>& added) {
  const std::size_t limit = 4 * (vocabulary.size() + added.size()) + 65'536;
  std::vector<std::string> tokens(limit);
  std::vector<bool> taken(limit);
  for (const auto& [token, id] : vocabulary) place_token(tokens, taken, token, id);
  for (const auto& token : added) place_token(tokens, taken, token.content, token.id);
  const auto last = std::find(taken.rbegin(), taken.rend(), true);
  tokens.resize(static_cast<std::size_t>(taken.rend() - last));
  tokens.shrink_to_fit();
  return tokens;
}

void check_added(const std::vector<AddedToken>& added, const TokenTable& ids) {
  for (const auto& token : added) {
    const TokenId id = ids.find(token.content);
    if (id >= 0 && id != token.id) {
      fail_at("added_tokens", "\"" + token.content + "\" has id " + std::to_string(token.id) + ", but " +
                                  std::to_string(id) + " in the vocabulary");
    }
  }
}

void check_specials(const TokenizerParts& parts) {
  for (const auto* pieces : {&parts.post_processor.single, &parts.post_processor.pair}) {
    for (const auto& piece : *pieces) {
      for (TokenId id : piece.ids) {
        if (static_cast<std::size_t>(id) >= parts.tokens.size()) {
          fail_at("post_processor", "special token id " + std::to_string(id) + " is not in the vocabulary");
        }
      }
    }
  }
}

}  // namespace

TokenizerParts parse_tokenizer_json(std::string_view bytes) {
  const JsonText text(bytes);
  const Json json = text.root();
  const Json model = field(json, "file", "model");
  const Json pre_tokenizer = json["pre_tokenizer"];
  TokenizerParts parts;
  Vocabulary vocabulary = parse_vocabulary(model);
  parts.added = parse_added(json);
  parts.tokens = table_of_tokens(vocabulary, parts.added);
  const ByteWords byte_words = model_wants_bytes(model, pre_tokenizer);
  parts.model = make_model(model, vocabulary, byte_words);
  parts.normalizer = make_normalizer(json["normalizer"]);
  parts.pre_tokenizer = make_pre_tokenizer(pre_tokenizer, byte_words);
  parts.post_processor = make_post_processor(json["post_processor"]);
  parts.decoder = make_decoder(json["decoder"]);
  check_added(parts.added, TokenTable(vocabulary));
  check_specials(parts);
  for (const auto& token : parts.added) vocabulary.emplace_back(token.content, token.id);
  parts.ids = TokenTable(vocabulary);
  return parts;
}

}  // namespace weft::text
