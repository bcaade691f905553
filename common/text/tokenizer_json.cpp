// tokenizer.json to stages. Each stage is chosen by its "type" from a table: a new kind is a class and a line here.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/text/bert_normalizer.h"
#include "common/text/bert_pre_tokenizer.h"
#include "common/text/tokenizer_parts.h"
#include "common/text/word_piece.h"

namespace weft::text {
namespace {

using Json = nlohmann::json;
using Vocabulary = std::vector<std::pair<std::string, TokenId>>;

[[noreturn]] void fail(const std::string& where, const std::string& problem) {
  throw Failure("tokenizer.json: " + where + ": " + problem);
}

const Json& field(const Json& object, const std::string& where, const char* name) {
  if (!object.is_object()) fail(where, std::string("got ") + object.type_name() + ", expected an object");
  const auto at = object.find(name);
  if (at == object.end()) fail(where, std::string("\"") + name + "\" is missing");
  return *at;
}

bool boolean(const Json& object, const std::string& where, const char* name, bool fallback) {
  if (!object.is_object() || !object.contains(name) || object[name].is_null()) return fallback;
  if (!object[name].is_boolean()) fail(where + "." + name, "expected true or false");
  return object[name].get<bool>();
}

std::string text(const Json& object, const std::string& where, const char* name) {
  const Json& value = field(object, where, name);
  if (!value.is_string()) fail(where + "." + name, std::string("got ") + value.type_name() + ", expected a string");
  return value.get<std::string>();
}

TokenId id_from(const Json& value, const std::string& where) {
  if (!value.is_number_integer() || value < 0 || value > 0x7FFFFFFE) fail(where, "expected a token id");
  return value.get<TokenId>();
}

// Picks the maker for json["type"].
template <class Made, class... Extra>
Made choose(const char* stage, const Json& json,
            const std::vector<std::pair<std::string, Made (*)(const Json&, Extra...)>>& table, Extra... extra) {
  const std::string type = text(json, stage, "type");
  std::string known;
  for (const auto& [name, make] : table) {
    if (name == type) return make(json, extra...);
    known += (known.empty() ? "" : ", ") + name;
  }
  fail(stage, "type \"" + type + "\" is not supported, expected one of " + known);
}

std::unique_ptr<Normalizer> make_bert_normalizer(const Json& json) {
  BertNormalizerOptions options;
  options.clean_text = boolean(json, "normalizer", "clean_text", true);
  options.handle_chinese_chars = boolean(json, "normalizer", "handle_chinese_chars", true);
  options.lowercase = boolean(json, "normalizer", "lowercase", true);
  options.strip_accents = boolean(json, "normalizer", "strip_accents", options.lowercase);
  return std::make_unique<BertNormalizer>(options);
}

std::unique_ptr<PreTokenizer> make_bert_pre_tokenizer(const Json&) { return std::make_unique<BertPreTokenizer>(); }

std::unique_ptr<Model> make_word_piece(const Json& json, const Vocabulary& vocabulary) {
  WordPieceOptions options;
  const std::string unknown = text(json, "model", "unk_token");
  const auto at = std::find_if(vocabulary.begin(), vocabulary.end(), [&](const auto& e) { return e.first == unknown; });
  if (at == vocabulary.end()) fail("model.unk_token", "\"" + unknown + "\" is not in the vocabulary");
  options.unknown = at->second;
  options.continuing_prefix = text(json, "model", "continuing_subword_prefix");
  const Json& longest = field(json, "model", "max_input_chars_per_word");
  if (!longest.is_number_unsigned()) fail("model.max_input_chars_per_word", "expected a whole number");
  options.max_characters = longest.get<std::size_t>();
  return std::make_unique<WordPiece>(vocabulary, options);
}

std::vector<TokenId> special_ids(const Json& json, const std::string& name) {
  const Json& specials = field(json, "post_processor", "special_tokens");
  const Json& ids = field(field(specials, "post_processor.special_tokens", name.c_str()),
                          "post_processor.special_tokens." + name, "ids");
  std::vector<TokenId> out;
  for (const Json& id : ids) out.push_back(id_from(id, "post_processor.special_tokens." + name + ".ids"));
  return out;
}

std::vector<TemplatePiece> template_pieces(const Json& json, const char* name) {
  const std::string where = std::string("post_processor.") + name;
  const Json& list = field(json, "post_processor", name);
  if (!list.is_array()) fail(where, "expected a list");
  std::vector<TemplatePiece> pieces;
  for (const Json& item : list) {
    const bool special = item.is_object() && item.contains("SpecialToken");
    const Json& body = field(item, where, special ? "SpecialToken" : "Sequence");
    const std::string id = text(body, where, "id");
    TemplatePiece piece;
    piece.type_id = id_from(field(body, where, "type_id"), where + ".type_id");
    if (special) {
      piece.kind = TemplatePiece::Kind::special;
      piece.ids = special_ids(json, id);
    } else if (id == "A" || id == "B") {
      piece.kind = id == "A" ? TemplatePiece::Kind::first : TemplatePiece::Kind::second;
    } else {
      fail(where, "sequence \"" + id + "\" is not supported, expected A or B");
    }
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

PostProcessor make_template(const Json& json) {
  return {template_pieces(json, "single"), template_pieces(json, "pair")};
}

PostProcessor make_bert_processing(const Json& json) {
  const auto special = [&](const char* name, TokenId type) {
    const Json& value = field(json, "post_processor", name);
    if (!value.is_array() || value.size() != 2) fail(std::string("post_processor.") + name, "expected [token, id]");
    return TemplatePiece{TemplatePiece::Kind::special, {id_from(value[1], "post_processor")}, type};
  };
  const TemplatePiece first{TemplatePiece::Kind::first, {}, 0}, second{TemplatePiece::Kind::second, {}, 1};
  return {{special("cls", 0), first, special("sep", 0)},
          {special("cls", 0), first, special("sep", 0), second, special("sep", 1)}};
}

std::vector<AddedToken> parse_added(const Json& json) {
  std::vector<AddedToken> added;
  if (!json.contains("added_tokens") || json["added_tokens"].is_null()) return added;
  for (const Json& item : json["added_tokens"]) {
    AddedToken token;
    token.id = id_from(field(item, "added_tokens", "id"), "added_tokens.id");
    token.content = text(item, "added_tokens", "content");
    token.single_word = boolean(item, "added_tokens", "single_word", false);
    token.lstrip = boolean(item, "added_tokens", "lstrip", false);
    token.rstrip = boolean(item, "added_tokens", "rstrip", false);
    token.normalized = boolean(item, "added_tokens", "normalized", !boolean(item, "added_tokens", "special", false));
    if (token.content.empty()) fail("added_tokens", "a token without content");
    added.push_back(std::move(token));
  }
  return added;
}

Vocabulary parse_vocabulary(const Json& model) {
  const Json& vocab = field(model, "model", "vocab");
  if (!vocab.is_object()) fail("model.vocab", "expected an object of token to id");
  Vocabulary out;
  for (const auto& [token, id] : vocab.items()) out.emplace_back(token, id_from(id, "model.vocab"));
  return out;
}

void place_token(std::vector<std::string>& tokens, std::vector<bool>& taken, const std::string& token, TokenId id) {
  const auto index = static_cast<std::size_t>(id);
  if (index >= tokens.size()) {
    fail("token \"" + token + "\"", "id " + std::to_string(id) + " is far beyond the size of the vocabulary");
  }
  if (taken[index] && tokens[index] != token) {
    fail("token \"" + token + "\"", "id " + std::to_string(id) + " is also that of \"" + tokens[index] + "\"");
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

void check_added(const TokenizerParts& parts) {
  for (const auto& token : parts.added) {
    const auto id = parts.model->id_of(token.content);
    if (id && *id != token.id) {
      fail("added_tokens", "\"" + token.content + "\" has id " + std::to_string(token.id) + ", but " +
                               std::to_string(*id) + " in the vocabulary");
    }
  }
}

void check_specials(const TokenizerParts& parts) {
  for (const auto* pieces : {&parts.post_processor.single, &parts.post_processor.pair}) {
    for (const auto& piece : *pieces) {
      for (TokenId id : piece.ids) {
        if (static_cast<std::size_t>(id) >= parts.tokens.size()) {
          fail("post_processor", "special token id " + std::to_string(id) + " is not in the vocabulary");
        }
      }
    }
  }
}

}  // namespace

TokenizerParts parse_tokenizer_json(std::string_view bytes) {
  const Json json = Json::parse(bytes);
  const Json& model = field(json, "file", "model");
  TokenizerParts parts;
  const Vocabulary vocabulary = parse_vocabulary(model);
  parts.added = parse_added(json);
  parts.tokens = table_of_tokens(vocabulary, parts.added);
  // Old files leave the model's type out; then it is told by its fields, of which only WordPiece's are known here.
  Json typed = model;
  if (!typed.contains("type") && typed.contains("max_input_chars_per_word")) typed["type"] = "WordPiece";
  parts.model =
      choose<std::unique_ptr<Model>, const Vocabulary&>("model", typed, {{"WordPiece", make_word_piece}}, vocabulary);
  if (json.contains("normalizer") && !json["normalizer"].is_null()) {
    parts.normalizer = choose<std::unique_ptr<Normalizer>>("normalizer", json["normalizer"],
                                                           {{"BertNormalizer", make_bert_normalizer}});
  }
  parts.pre_tokenizer = std::make_unique<WholeText>();
  if (json.contains("pre_tokenizer") && !json["pre_tokenizer"].is_null()) {
    parts.pre_tokenizer = choose<std::unique_ptr<PreTokenizer>>("pre_tokenizer", json["pre_tokenizer"],
                                                                {{"BertPreTokenizer", make_bert_pre_tokenizer}});
  }
  if (json.contains("post_processor") && !json["post_processor"].is_null()) {
    parts.post_processor =
        choose<PostProcessor>("post_processor", json["post_processor"],
                              {{"TemplateProcessing", make_template}, {"BertProcessing", make_bert_processing}});
  }
  check_added(parts);
  check_specials(parts);
  return parts;
}

}  // namespace weft::text
